//! HTTP/1.1 messages as the fault proxy needs them: read whole, told apart by AWS operation, written again.

use std::io::{BufRead, Error, ErrorKind, Read, Write};

/// A request, read whole.
pub(crate) struct Request {
    /// `PUT`
    pub(crate) method: String,
    /// Path and query as they came.
    pub(crate) target: String,
    /// The service for which it is signed; `s3` without a signature.
    pub(crate) service: String,
    /// As it came, chunks included.
    pub(crate) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

/// An answer, read whole.
pub(crate) struct Response {
    /// As it came; of a chunked answer with its chunks.
    pub(crate) body: Vec<u8>,
    status: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The next request of a connection, or `None` at its end. `writer` is told to go on if the client waits for that.
    pub(crate) fn read(reader: &mut impl BufRead, writer: &mut impl Write) -> std::io::Result<Option<Request>> {
        let Some((first, headers)) = head(reader)? else { return Ok(None) };
        let mut words = first.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Err(wrong("a request line")) };
        if value(&headers, "expect").is_some() {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = body(reader, &headers)?;
        let scope = value(&headers, "authorization").and_then(|value| value.split_once("Credential=")).map(|(_, scope)| scope);
        let service = scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or("s3").to_owned();
        Ok(Some(Request { method, target, service, body, headers }))
    }

    /// Whether it changes something in S3.
    pub(crate) fn is_write(&self) -> bool {
        self.service == "s3" && matches!(self.method.as_str(), "PUT" | "POST" | "DELETE") && !self.target.contains("?select")
    }

    /// `s3:PutObject`, `sts:AssumeRole`; where AWS has no name for it in the request, method and path.
    pub(crate) fn operation(&self) -> String {
        let named = value(&self.headers, "x-amz-target").and_then(|target| target.rsplit('.').next()).map(str::to_owned);
        let action = || {
            let body = String::from_utf8_lossy(&self.body);
            body.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned)
        };
        match named.or_else(|| (self.service != "s3" || self.method == "POST").then(action).flatten()) {
            Some(name) if self.service == "s3" => format!("sts:{name}"),
            Some(name) => format!("{}:{name}", self.service),
            None if self.service == "s3" => format!("s3:{}", self.s3_operation()),
            None => format!("{}:{} {}", self.service, self.method, self.target),
        }
    }

    fn s3_operation(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let name = match (self.method.as_str(), bucket.is_empty(), key.is_empty()) {
            ("GET", true, _) => "ListBuckets",
            ("GET", _, true) if has("location") => "GetBucketLocation",
            ("GET", _, true) if has("list-type") => "ListObjectsV2",
            ("GET", _, true) if has("versions") => "ListObjectVersions",
            ("HEAD", _, true) => "HeadBucket",
            ("PUT", _, true) if query.is_empty() => "CreateBucket",
            ("GET", _, false) if !has("tagging") && !has("retention") => "GetObject",
            ("HEAD", _, false) => "HeadObject",
            ("DELETE", _, false) => "DeleteObject",
            ("PUT", _, false) if has("partNumber") => "UploadPart",
            ("PUT", _, false) if value(&self.headers, "x-amz-copy-source").is_some() => "CopyObject",
            ("PUT", _, false) if query.is_empty() || has("x-id") => "PutObject",
            _ => return format!("{} {}", self.method, query.split(['=', '&']).next().unwrap_or("")),
        };
        name.to_owned()
    }

    /// As it is sent on: the connection is for this request alone.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in
            self.headers.iter().filter(|(name, _)| !["connection", "expect"].contains(&name.to_lowercase().as_str()))
        {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"Connection: close\r\n\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

impl Response {
    /// An answer of the proxy's own.
    pub(crate) fn of(status: u16, kind: &str, body: String) -> Response {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned()), ("Content-Length".to_owned(), body.len().to_string())];
        Response { status: format!("{status} Struck"), headers, body: body.into_bytes() }
    }

    /// Reads an answer that came until its connection was closed.
    pub(crate) fn parse(bytes: &[u8], method: &str) -> std::io::Result<Response> {
        let mut rest = bytes;
        let (first, mut headers) = head(&mut rest)?.ok_or_else(|| wrong("an answer"))?;
        let status = first.split_once(' ').map(|(_, status)| status.to_owned()).ok_or_else(|| wrong("a status line"))?;
        let mut body = Vec::new();
        rest.read_to_end(&mut body)?;
        let length = value(&headers, "content-length").and_then(|length| length.parse::<usize>().ok());
        if length.is_none() && value(&headers, "transfer-encoding").is_none() && method != "HEAD" {
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
        }
        Ok(Response { status, headers, body })
    }

    /// Sends it to the client of `request`. If it came short itself, so it goes on.
    pub(crate) fn send(&self, client: &mut impl Write, request: &Request) -> std::io::Result<()> {
        let body = if request.method == "HEAD" { &[] } else { self.body.as_slice() };
        client.write_all(&[self.head(), body.to_vec()].concat())?;
        let announced = value(&self.headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(body.len());
        if request.method != "HEAD" && body.len() < announced {
            return Err(wrong("the rest of the answer"));
        }
        Ok(())
    }

    /// Sends the first bytes of the body, after a head that promises all of it.
    pub(crate) fn send_cut(&self, client: &mut impl Write, bytes: usize) -> std::io::Result<()> {
        client.write_all(&[self.head(), self.body.iter().take(bytes).copied().collect()].concat())
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for (name, value) in self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("connection")) {
            head.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        head.extend(b"\r\n");
        head
    }
}

/// An error as the service writes it: content type and body.
pub(crate) fn error_body(service: &str, code: &str) -> (&'static str, String) {
    match service {
        "s3" => ("application/xml", format!("<Error><Code>{code}</Code><Message>struck by the proxy</Message></Error>")),
        "ec2" => (
            "text/xml",
            format!("<Response><Errors><Error><Code>{code}</Code><Message>struck</Message></Error></Errors></Response>"),
        ),
        "sts" | "iam" | "sns" => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>struck</Message></Error></ErrorResponse>"
            ),
        ),
        _ => ("application/x-amz-json-1.1", format!(r#"{{"__type":"{code}","message":"struck by the proxy"}}"#)),
    }
}

type Head = (String, Vec<(String, String)>);

/// First line and headers; `None` if nothing comes any more.
fn head(reader: &mut impl BufRead) -> std::io::Result<Option<Head>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(wrong("the end of the headers"));
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return Ok(Some((first.trim_end().to_owned(), headers)));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| wrong("a header"))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// The body with its framing, so that it can be sent on as it is.
fn body(reader: &mut impl BufRead, headers: &[(String, String)]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if value(headers, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        loop {
            let start = bytes.len();
            if reader.read_until(b'\n', &mut bytes)? == 0 {
                return Err(wrong("a chunk"));
            }
            let line = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned();
            let size = line.split([';', '\r', '\n']).next().and_then(|size| u64::from_str_radix(size.trim(), 16).ok());
            let size = size.ok_or_else(|| wrong("the size of a chunk"))?;
            if size == 0 {
                while reader.read_until(b'\n', &mut bytes)? > 2 {}
                return Ok(bytes);
            }
            reader.by_ref().take(size + 2).read_to_end(&mut bytes)?;
        }
    }
    let length = value(headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.by_ref().take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(wrong("the rest of a body")) } else { Ok(bytes) }
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("{what} did not come"))
}
