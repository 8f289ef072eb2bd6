// An S3 in memory, fast enough to measure clients against: node fast_s3.mjs [--port N] [--fill FILE] [--until-stdin-closes]
//
// Prints `fast_s3: http://127.0.0.1:PORT` when it is ready. Knows PUT (conditional, with metadata and checksums, copy), GET (ranges),
// HEAD, DELETE, ListObjects and V2, GetBucketLocation, CreateBucket; no versions, no multipart, no signatures checked.
// FILE holds objects for the bucket `source`: for each the lengths of key and body (u32, little endian), key, body.
//   GET    /_fast/calls          how often each operation was called, and CPU seconds of this process; DELETE starts again
//   DELETE /_fast/bucket/NAME    empties a bucket
import {createHash} from 'node:crypto';
import {closeSync, openSync, readSync} from 'node:fs';
import http from 'node:http';

class Bucket {
  objects = new Map();
  sorted = [];
  dirty = false;

  put(key, object) {
    this.dirty ||= !this.objects.has(key);
    this.objects.set(key, object);
  }

  delete(key) {
    this.dirty = this.objects.delete(key) || this.dirty;
  }

  // Keys in the order of their UTF-8 bytes, as S3 lists them.
  keys() {
    if (this.dirty) {
      this.sorted = [...this.objects.keys()].map(key => [Buffer.from(key), key]).sort((a, b) => Buffer.compare(a[0], b[0])).map(pair => pair[1]);
      this.dirty = false;
    }
    return this.sorted;
  }

  // The first position whose key is not below `key`.
  position(key) {
    const keys = this.keys(), wanted = Buffer.from(key);
    let low = 0, high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare(Buffer.from(keys[middle]), wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const buckets = new Map([['source', new Bucket()], ['destination', new Bucket()]]);
let calls = {}, cpu = process.cpuUsage();

const escaped = text => text.replace(/[&<>"]/g, sign => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[sign]);

function send(response, status, body = '', headers = {}) {
  response.writeHead(status, {'content-length': Buffer.byteLength(body), 'content-type': 'application/xml', ...headers});
  response.end(body);
}

function fail(response, status, code) {
  send(response, status, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

function made(body, headers) {
  const now = new Date();
  return {body, headers, etag: `"${createHash('md5').update(body).digest('hex')}"`, listed: now.toISOString(), modified: now.toUTCString()};
}

// The body of an upload that came in signed chunks.
function unchunked(body) {
  const parts = [];
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at);
    const size = end < 0 ? 0 : parseInt(body.subarray(at, end).toString('latin1').split(';')[0], 16);
    if (!size) return Buffer.concat(parts);
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

const keeps = name => name.startsWith('x-amz-meta-') || name.startsWith('x-amz-checksum-') || name === 'content-type';
const kept = headers => Object.fromEntries(Object.entries(headers).filter(([name]) => keeps(name)));

function list(response, bucket, name, query) {
  const prefix = query.get('prefix') ?? '', delimiter = query.get('delimiter') ?? '', most = Math.min(Number(query.get('max-keys') || 1000), 1000);
  const token = query.get('continuation-token'), second = query.get('list-type') === '2';
  const after = token ? Buffer.from(token, 'base64').toString() : query.get(second ? 'start-after' : 'marker') ?? '';
  const written = query.get('encoding-type') === 'url' ? encodeURIComponent : escaped;
  const keys = bucket.keys(), contents = [], groups = [];
  let at = Math.max(bucket.position(prefix), after ? bucket.position(after) : 0), last = after, truncated = false;
  if (after && keys[at] === after) at++;
  for (; at < keys.length && keys[at].startsWith(prefix); last = keys[at++]) {
    const cut = delimiter ? keys[at].indexOf(delimiter, prefix.length) : -1, group = cut < 0 ? null : keys[at].slice(0, cut + delimiter.length);
    if (group !== null && (groups.at(-1) === group || after.startsWith(group))) continue;
    if (contents.length + groups.length >= most) {
      truncated = true;
      break;
    }
    if (group !== null) groups.push(group);
    else {
      const object = bucket.objects.get(keys[at]);
      contents.push(`<Contents><Key>${written(keys[at])}</Key><LastModified>${object.listed}</LastModified><ETag>${escaped(object.etag)}</ETag><Size>${object.body.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`);
    }
  }
  const next = !truncated ? '' : second ? `<NextContinuationToken>${Buffer.from(last).toString('base64')}</NextContinuationToken>` : `<NextMarker>${written(last)}</NextMarker>`;
  const encoding = query.has('encoding-type') ? '<EncodingType>url</EncodingType>' : '';
  send(response, 200, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${name}</Name><Prefix>${written(prefix)}</Prefix>${encoding}<MaxKeys>${most}</MaxKeys><KeyCount>${contents.length + groups.length}</KeyCount><IsTruncated>${truncated}</IsTruncated>${next}${contents.join('')}${groups.map(group => `<CommonPrefixes><Prefix>${written(group)}</Prefix></CommonPrefixes>`).join('')}</ListBucketResult>`);
}

function onBucket(request, response, name, query) {
  const bucket = buckets.get(name);
  if (request.method === 'PUT') {
    if (!bucket) buckets.set(name, new Bucket());
    return request.resume().on('end', () => send(response, 200)), 'CreateBucket';
  }
  if (!bucket) return fail(response, 404, 'NoSuchBucket'), 'NoSuchBucket';
  if (request.method === 'HEAD') return response.writeHead(200, {'x-amz-bucket-region': 'us-east-1'}).end(), 'HeadBucket';
  if (query.has('location')) return send(response, 200, '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'), 'GetBucketLocation';
  if (query.has('versioning')) return send(response, 200, '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'), 'GetBucketVersioning';
  if (request.method !== 'GET') return fail(response, 501, 'NotImplemented'), 'NotImplemented';
  return list(response, bucket, name, query), query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
}

function read(request, response, object) {
  let {body} = object, status = 200;
  const headers = {'accept-ranges': 'bytes', 'content-type': 'application/octet-stream', ...object.headers, etag: object.etag, 'last-modified': object.modified, 'x-amz-server-side-encryption': 'AES256'};
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (range) {
    const end = range[2] ? Math.min(Number(range[2]), body.length - 1) : body.length - 1;
    headers['content-range'] = `bytes ${range[1]}-${end}/${body.length}`;
    body = body.subarray(Number(range[1]), end + 1);
    status = 206;
    // The checksum is that of the whole object.
    for (const name of Object.keys(headers)) if (name.startsWith('x-amz-checksum-')) delete headers[name];
  }
  response.writeHead(status, {...headers, 'content-length': body.length});
  response.end(request.method === 'HEAD' ? undefined : body);
}

function write(request, response, bucket, key) {
  const parts = [];
  request.on('data', part => parts.push(part)).on('end', () => {
    const there = bucket.objects.get(key), match = request.headers['if-match'];
    if ((request.headers['if-none-match'] === '*' && there) || (match && there?.etag !== match)) return fail(response, 412, 'PreconditionFailed');
    const copied = request.headers['x-amz-copy-source'];
    if (copied) {
      const [, name, from] = /^\/?([^/]+)\/(.*)$/.exec(decodeURIComponent(copied)), original = buckets.get(name)?.objects.get(from);
      if (!original) return fail(response, 404, 'NoSuchKey');
      const object = made(original.body, request.headers['x-amz-metadata-directive'] === 'REPLACE' ? kept(request.headers) : original.headers);
      bucket.put(key, object);
      return send(response, 200, `<CopyObjectResult><LastModified>${object.listed}</LastModified><ETag>${escaped(object.etag)}</ETag></CopyObjectResult>`);
    }
    const body = Buffer.concat(parts), chunked = (request.headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING');
    const object = made(chunked ? unchunked(body) : body, kept(request.headers));
    bucket.put(key, object);
    send(response, 200, '', {etag: object.etag, 'x-amz-server-side-encryption': 'AES256'});
  });
  return request.headers['x-amz-copy-source'] ? 'CopyObject' : 'PutObject';
}

function onObject(request, response, bucket, key) {
  if (!bucket) return fail(response, 404, 'NoSuchBucket'), 'NoSuchBucket';
  const object = bucket.objects.get(key);
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      if (object) read(request, response, object);
      else if (request.method === 'HEAD') response.writeHead(404).end();
      else fail(response, 404, 'NoSuchKey');
      return request.method === 'HEAD' ? 'HeadObject' : 'GetObject';
    case 'PUT':
      return write(request, response, bucket, key);
    case 'DELETE':
      bucket.delete(key);
      response.writeHead(204).end();
      return 'DeleteObject';
    default:
      return fail(response, 501, 'NotImplemented'), 'NotImplemented';
  }
}

function control(request, response, path) {
  const {user, system} = process.cpuUsage(cpu);
  if (path === '/_fast/calls') send(response, 200, JSON.stringify({calls, cpu: (user + system) / 1e6}), {'content-type': 'application/json'});
  if (request.method !== 'DELETE') return;
  if (path === '/_fast/calls') [calls, cpu] = [{}, process.cpuUsage()];
  else {
    buckets.set(path.slice('/_fast/bucket/'.length), new Bucket());
    send(response, 200);
  }
}

function fill(file) {
  const descriptor = openSync(file, 'r'), lengths = Buffer.alloc(8), bucket = buckets.get('source');
  while (readSync(descriptor, lengths) === 8) {
    const key = Buffer.alloc(lengths.readUInt32LE(0)), body = Buffer.alloc(lengths.readUInt32LE(4));
    readSync(descriptor, key);
    readSync(descriptor, body);
    bucket.put(key.toString(), made(body, {}));
  }
  closeSync(descriptor);
  bucket.keys();
}

const server = http.createServer((request, response) => {
  const [path, search = ''] = request.url.split('?', 2);
  if (path.startsWith('/_fast/')) return control(request, response, path);
  const slash = path.indexOf('/', 1), name = decodeURIComponent(path.slice(1, slash < 0 ? undefined : slash)), key = slash < 0 ? '' : decodeURIComponent(path.slice(slash + 1));
  const operation = key ? onObject(request, response, buckets.get(name), key) : onBucket(request, response, name, new URLSearchParams(search));
  calls[operation] = (calls[operation] ?? 0) + 1;
});
server.keepAliveTimeout = 600_000;

const option = name => process.argv[process.argv.indexOf(name) + 1 || Infinity];
if (option('--fill')) fill(option('--fill'));
if (process.argv.includes('--until-stdin-closes')) process.stdin.resume().on('end', () => process.exit(0));
server.listen(Number(option('--port') ?? 0), '127.0.0.1', () => console.log(`fast_s3: http://127.0.0.1:${server.address().port}`));
