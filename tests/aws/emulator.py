#!/usr/bin/env python3
"""An AWS for tests: moto, and in front of it what moto lacks, in one process.

    python emulator.py [--port 0] [--until-stdin-closes]

Prints `emulator: http://127.0.0.1:PORT` when it answers. Whose account a request belongs to is told by its access key:
`AKIA` and twelve digits are that account's own keys, a session belongs to the account of its role, every other key to
123456789012. What it answers instead of moto stands in answers.py, how it fails on demand in faults.py.

Control plane (JSON; test-only, no signature):
  POST   /_emulator/roles         {"arn", "external_id"?, "principals"?: [account], "deny"?, "max_duration"?}
                                  an account with a rule lets only its named roles be assumed
  POST   /_emulator/strict        {"account"}: no role of this account can be assumed unless it is named
  DELETE /_emulator/roles?arn=    the role is gone
  POST   /_emulator/regions       {"account": id | "*", "enabled": [...], "disabled": [...]}
  POST   /_emulator/organization  {"management", "id"?, "units": [...], "accounts": [...]}, see organization.py
  POST   /_emulator/private       {"bucket", "accounts"?: [...]}: of other accounts only these may use it; moto lets all
  POST   /_emulator/objects       many objects at once, see objects.py
  POST   /_emulator/events        {"account", "region", "events": [CloudTrail records]}: what LookupEvents finds
  POST   /_emulator/public-keys   {"region", "keys": [...]}: what ListPublicKeys finds
  POST   /_emulator/visible       {"account", "region", "queue"}: messages that were received and not deleted may come again
  POST   /_emulator/trail-status  {"arn", "status": {...}}: laid over what GetTrailStatus says
  POST   /_emulator/canned        {"service", "operation", "account"?, "region"?, "status"?, "headers"?, "body"}
  POST   /_emulator/faults        see faults.py;   DELETE /_emulator/faults[?name=]
  GET    /_emulator/requests      every call in order, with ?account= and ?service=;   DELETE forgets them
  GET    /_emulator/calls         {"service:Operation": how often}, with the same filters
  GET    /_emulator/container-credentials?account=   what a container's credential endpoint says
  DELETE /_emulator               forgets all of the above; moto's own state: POST /moto-api/reset
"""

import argparse
import collections
import io
import json
import os
import re
import threading
import urllib.parse

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

from cheroot.wsgi import Gateway_10, Server  # noqa: E402
from moto.moto_server import werkzeug_app  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from moto.sqs.models import sqs_backends  # noqa: E402

import answers  # noqa: E402
import calls  # noqa: E402
import faults  # noqa: E402
import objects  # noqa: E402
import organization  # noqa: E402
import stack_sets  # noqa: E402, F401
from state import STATE  # noqa: E402

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict",
           412: "Precondition Failed", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}

# What stands for `_` in the names of metadata on their way to moto and back.
UNDERSCORE = ".5f."


class Dropped(ConnectionResetError):
    """The connection is to be closed without an answer."""


class Emulator:
    """The WSGI application."""

    def __init__(self, moto):
        self.moto = moto
        # A conditional write looks, then writes: in moto two threads may both look first.
        self.writes = threading.Lock()

    def __call__(self, environ, start_response):
        uri = environ.get("REQUEST_URI", b"")
        environ.setdefault("RAW_URI", uri.decode("latin1") if isinstance(uri, bytes) else uri)
        path = environ["PATH_INFO"]
        if path.startswith("/_emulator"):
            return self.control(environ, start_response)
        if path.startswith("/moto-api"):
            return self.moto(environ, start_response)
        if path.startswith(("/latest/", "/federation/")):
            return send(start_response, *answers.credentials_elsewhere(environ))
        body = body_of(environ)
        call = calls.read(environ, body)
        STATE.note(call)
        fault = faults.pick(call)
        if fault is not None:
            answer = faults.answer(fault, call)
            if answer == "drop":
                raise Dropped
            if answer is not None:
                return send(start_response, *answer, empty=call.method == "HEAD")
        answer = answers.refused(call, environ, body) or answers.own(call)
        if answer is None:
            answer = self.ask_moto(call, environ)
        if fault is not None:
            status, headers, answered, cut = faults.damaged(fault, *answer)
            start_response(f"{status} {REASONS.get(status, 'Other')}", list(headers.items()))
            return broken_off(answered) if cut else [answered]
        return send(start_response, *answer, empty=call.method == "HEAD")

    def ask_moto(self, call, environ):
        """Moto's answer, in the name of the account that the emulator knows."""
        if call.account:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account
        said = {}

        def start(status, headers, _=None):
            said.update(status=int(status.split(" ", 1)[0]), headers=dict(headers))

        if call.service == "s3" and call.method in ("PUT", "POST", "DELETE"):
            with self.writes:
                body = b"".join(self.moto(environ, start))
        else:
            body = b"".join(self.moto(environ, start))
        if call.operation == "ListObjectsV2":
            # Moto writes it as it is, AWS encodes it: XML has no way to write some characters.
            body = re.sub(rb"<StartAfter>.*?</StartAfter>", b"", body, flags=re.DOTALL)
        answers.after(call, said["status"], said["headers"], body)
        return said["status"], said["headers"], body

    def control(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/_emulator")
        query = {name: values[0] for name, values in urllib.parse.parse_qs(environ.get("QUERY_STRING", "")).items()}
        body = body_of(environ)
        try:
            result = self.controlled(method, path, query, json.loads(body) if body else {})
        except (KeyError, ValueError, TypeError) as error:
            return send(start_response, 400, {}, f"{method} {path}: {type(error).__name__}: {error}\n".encode())
        return send(start_response, 200, {"Content-Type": "application/json"}, json.dumps(result).encode())

    def controlled(self, method, path, query, given):
        with STATE.lock:
            match method, path:
                case "DELETE", "":
                    STATE.forget()
                case "POST", "/roles":
                    STATE.roles[given["arn"]] = given
                    STATE.strict.add(given["arn"].split(":")[4])
                case "DELETE", "/roles":
                    STATE.roles.pop(query["arn"], None)
                case "POST", "/strict":
                    STATE.strict.add(given["account"])
                case "POST", "/regions":
                    STATE.regions[given["account"]] = given
                case "POST", "/organization":
                    return organization.create(given)
                case "POST", "/private":
                    STATE.private[given["bucket"]] = given.get("accounts", [])
                case "POST", "/objects":
                    return objects.put(given)
                case "POST", "/events":
                    STATE.events[given["account"], given["region"]] += given["events"]
                case "POST", "/public-keys":
                    STATE.public_keys[given["region"]] += given["keys"]
                case "POST", "/trail-status":
                    STATE.trail_status[given["arn"]].update(given["status"])
                case "POST", "/visible":
                    for message in sqs_backends[given["account"]][given["region"]].queues[given["queue"]]._messages:
                        message.visible_at = 0.0
                case "POST", "/canned":
                    STATE.canned.insert(0, given)
                case "POST", "/faults":
                    STATE.faults.append(faults.checked(given))
                case "DELETE", "/faults":
                    STATE.faults[:] = [fault for fault in STATE.faults if query and fault.get("name") != query["name"]]
                case "GET", "/requests":
                    return [request for request in STATE.requests if chosen(request, query)]
                case "DELETE", "/requests":
                    STATE.requests.clear()
                case "GET", "/calls":
                    log = (request for request in STATE.requests if chosen(request, query))
                    return dict(sorted(collections.Counter(f"{one['service']}:{one['operation']}" for one in log).items()))
                case "GET", "/container-credentials":
                    return answers.container_credentials(query["account"])
                case _:
                    raise ValueError("there is no such command")
        return {}


def chosen(request, query):
    return all(request.get(name) == value for name, value in query.items())


def body_of(environ):
    """Reads the whole body and puts it back for moto."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "")
    body = environ["wsgi.input"].read() if chunked else environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    if chunked:
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING")
    return body


class Converter(werkzeug_app.RegexConverter):
    """Keys may hold any character, line breaks too."""

    def __init__(self, url_map, *items):
        super().__init__(url_map, *items)
        self.regex = f"(?s:{self.regex})"


werkzeug_app.RegexConverter = Converter


class Gateway(Gateway_10):
    """WSGI cannot tell `_` from `-` in the name of a header; S3 can, in the names of metadata."""

    def get_environ(self):
        given = self.req.inheaders
        for name in [name for name in given if name.lower().startswith(b"x-amz-meta-") and b"_" in name]:
            given[name.replace(b"_", UNDERSCORE.encode())] = given.pop(name)
        return super().get_environ()


def send(start_response, status, headers, body, empty=False):
    """Answers. To HEAD nothing but headers may be sent, with the length that moto announced."""
    body = b"" if empty else body
    headers = {name: value for name, value in headers.items() if empty or name.lower() != "content-length"}
    if not any(name.lower() == "content-length" for name in headers):
        headers["Content-Length"] = str(len(body))
    headers = {name.lower().replace(UNDERSCORE, "_") if UNDERSCORE in name.lower() else name: value for name, value in headers.items()}
    start_response(f"{status} {REASONS.get(status, 'Other')}", list(headers.items()))
    return [body]


def broken_off(body):
    """The body, and then the connection is closed before what was announced has come."""
    yield body
    raise Dropped


def end_with_stdin():
    """Whoever started the emulator holds the other end of its input: when that process is gone, however it went, so is this."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 (default): any that is free")
    parser.add_argument("--until-stdin-closes", action="store_true")
    options = parser.parse_args()
    if options.until_stdin_closes:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    server = Server(("127.0.0.1", options.port), Emulator(DomainDispatcherApplication(create_backend_app)), numthreads=24,
                    request_queue_size=256, timeout=600)
    server.keep_alive_conn_limit = 1000
    server.gateway = Gateway
    # A dropped connection is meant; other errors reach the client as answers of status 500.
    server.error_log = lambda message="", level=20, traceback=False: None
    server.prepare()
    port = server.bind_addr[1]
    os.environ["MOTO_PORT"] = str(port)
    print(f"emulator: http://127.0.0.1:{port}", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
