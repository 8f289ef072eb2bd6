//! `assize notify test` against servers of our own, the check of signatures that the documentation shows, and no secret anywhere.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Assize, Ran, ran, text};
use server::{Reply, Server};

#[path = "../../src/notify/tests/server.rs"]
#[expect(dead_code, reason = "a server that hangs is for those who can wait less")]
mod server;

const SECRET: &str = "canary-secret-0123456789abcdef";

fn configured(receivers: &str) -> Assize {
    let assize = Assize::new();
    let start = "name: Example <!channel>\naudit: {bucket: 'file://audit'}\naccounts: {list: [111122223333]}\nnotify:\n";
    assize.file("assize.yaml", format!("{start}{receivers}"));
    assize
}

const BOTH: &str =
    "  - {name: chat, slack: {url: '${env:CHAT}'}}\n  - {name: hook, webhook: {url: '${env:HOOK}', secret: '${env:SECRET}'}}\n";

fn tested(assize: &Assize, (chat, hook): (&Server, &Server), args: &[&str]) -> Ran {
    let mut command = assize.command(&[&["notify", "test"], args].concat());
    command
        .env("CHAT", format!("{}/canary-chat", chat.url))
        .env("HOOK", format!("{}/canary-hook", hook.url))
        .env("SECRET", SECRET);
    ran(&command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn each_receiver_is_tried_and_says_what_it_answered() {
    let assize = configured(BOTH);
    let (chat, hook) = (Server::start(vec![Reply::body(200, "ok")]), Server::start(vec![Reply::status(503), Reply::status(202)]));
    let all = tested(&assize, (&chat, &hook), &[]);
    assert_eq!(
        (all.code, all.out.as_str()),
        (0, "ok    chat (Slack): HTTP 200\nok    hook (webhook): HTTP 202\n"),
        "{}",
        all.err
    );
    let said: Value = serde_json::from_slice(&chat.requests()[0].body).unwrap();
    let shown = said.to_string();
    assert!(shown.contains("This is a test") && !shown.contains("<!"), "{shown}");
    assert_eq!(hook.requests().len(), 2, "it is busy once");
    assert!(!assize.path("audit").exists(), "nothing is kept");

    let one = tested(&assize, (&chat, &hook), &["hook"]);
    assert_eq!((one.code, one.out.as_str(), chat.requests().len()), (0, "ok    hook (webhook): HTTP 202\n", 1));
    let nobody = tested(&assize, (&chat, &hook), &["pager"]);
    assert!(nobody.code == 2 && nobody.err.contains("no receiver called `pager`"), "{}", nobody.err);
    let empty = configured("").run(&["notify", "test"]);
    assert_eq!(empty.code, 2, "{}", empty.err);
}

#[test]
fn one_that_fails_is_told_and_no_secret_is() {
    let assize = configured(BOTH);
    // A server that repeats what it was sent shows nothing of it.
    let chat = Server::start(vec![Reply::body(404, "no_service")]);
    let hook = Server::start(vec![Reply::Close, Reply::body(403, "POST /canary-hook canary-secret")]);
    let failed = tested(&assize, (&chat, &hook), &["--verbose", "--verbose", "--verbose"]);
    let expected = "FAIL  chat (Slack): it answered HTTP 404 no_service\nFAIL  hook (webhook): it answered HTTP 403\n";
    assert_eq!((failed.code, failed.out.as_str()), (2, expected), "{}", failed.err);
    assert!(!failed.err.contains("canary"), "{}", failed.err);
    let wrong = configured(&BOTH.replace("name: hook", "nam: hook").replace("'${env:CHAT}'", "'https://canary.example'"));
    let refused = tested(&wrong, (&chat, &hook), &[]);
    assert!(
        refused.code == 2 && refused.err.contains("secret-in-file") && refused.err.contains("unknown-key"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains("canary"), "{}", refused.err);
}

#[test]
fn the_documented_check_takes_what_is_ours_and_new() {
    let page = text(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notifications.md"));
    let code = page.split_once("```python\n").unwrap().1.split_once("```").unwrap().0;
    let assize = configured(BOTH);
    let (chat, hook) =
        (Server::start(vec![Reply::status(200)]), Server::start(vec![Reply::status(429).after(1), Reply::status(200)]));
    assert_eq!(tested(&assize, (&chat, &hook), &["hook"]).code, 0);
    let requests = hook.requests();
    let is_ours = |secret: &str, headers: &Value, body: &[u8], later: i64| {
        let sent_at: i64 = requests[1].header("assize-timestamp").parse().unwrap();
        let given = json!({"secret": secret, "headers": headers, "body": body, "now": sent_at + later}).to_string();
        let call = "import json, sys\ngiven = json.loads(sys.argv[1])\n\
                    print(is_ours(given['secret'], given['headers'], bytes(given['body']), given['now']))";
        let output = Command::new("python3").args(["-c", &format!("{code}\n{call}"), &given]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout == b"True\n"
    };
    let names = ["assize-timestamp", "assize-signature", "assize-id"];
    let headers: Value =
        names.iter().map(|name| (name.to_string(), requests[1].header(name).into())).collect::<serde_json::Map<_, _>>().into();
    let body = &requests[1].body;
    assert!(is_ours(SECRET, &headers, body, 0) && is_ours(SECRET, &headers, body, 299));
    assert!(!is_ours(SECRET, &headers, body, 301), "it is old");
    assert!(!is_ours("canary-secret-of-another", &headers, body, 0));
    let altered = [body.as_slice(), b" "].concat();
    assert!(!is_ours(SECRET, &headers, &altered, 0));
    let mut younger = headers.clone();
    younger["assize-timestamp"] = json!((requests[1].header("assize-timestamp").parse::<i64>().unwrap() + 1).to_string());
    assert!(!is_ours(SECRET, &younger, body, 0), "the time stamp is signed too");
    assert!(!is_ours(SECRET, &json!({}), body, 0));
    assert_eq!(requests[0].header("assize-id"), requests[1].header("assize-id"));
    assert_ne!(
        requests[0].header("assize-signature"),
        requests[1].header("assize-signature"),
        "each attempt has its own time stamp"
    );
}

/// Answers one POST over TLS with 200, with a certificate for localhost that it writes before it says its port.
const TLS: &str = "import http.server, ssl, subprocess, sys\n\
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2',\n\
        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE'],\n\
        check=True, capture_output=True)\n\
    class Handler(http.server.BaseHTTPRequestHandler):\n    \
        def do_POST(self):\n        \
            self.rfile.read(int(self.headers['content-length']))\n        \
            self.send_response(200)\n        \
            self.end_headers()\n    \
        def log_message(self, *_):\n        pass\n\
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n\
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
    context.load_cert_chain('cert.pem', 'key.pem')\n\
    server.socket = context.wrap_socket(server.socket, server_side=True)\n\
    print(server.server_port, flush=True)\n\
    server.serve_forever()\n";

#[test]
fn certificates_are_checked() {
    let assize = configured("  - {name: chat, slack: {url: '${env:CHAT}'}}\n");
    let mut command = Command::new("python3");
    command.args(["-c", TLS]).current_dir(assize.path("")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let tested = |host: &str, trusted: bool| {
        let mut command = assize.command(&["notify", "test"]);
        command.env("CHAT", format!("https://{host}:{}/canary", port.trim()));
        if trusted {
            command.env("SSL_CERT_FILE", assize.path("cert.pem"));
        }
        ran(&command.stdin(Stdio::null()).output().unwrap())
    };
    let trusted = tested("localhost", true);
    let (stranger, other_name) = std::thread::scope(|scope| {
        let (a, b) = (scope.spawn(|| tested("localhost", false)), scope.spawn(|| tested("127.0.0.1", true)));
        (a.join().unwrap(), b.join().unwrap())
    });
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!((trusted.code, trusted.out.as_str()), (0, "ok    chat (Slack): HTTP 200\n"), "{}", trusted.err);
    for refused in [stranger, other_name] {
        assert!(
            refused.code == 2 && refused.out.contains("no connection: invalid peer certificate"),
            "{} {}",
            refused.out,
            refused.err
        );
        assert!(!format!("{}{}", refused.out, refused.err).contains("canary"));
    }
}
