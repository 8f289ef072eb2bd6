//! One HTTP request to a place that is not AWS: the same TLS, certificates and proxies as every call here, no credentials.
//!
//! The address may be a secret: neither `Debug` nor an error shows it. A redirection is an answer like others, and is not followed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

/// The most of an answer's body that is read, in bytes.
const MAX_ANSWER: usize = 4096;

/// The longest that is waited for a body.
const BODY: Duration = Duration::from_secs(2);

/// Sends requests; connections are kept between them.
#[derive(Debug)]
pub struct Web {
    connector: Connector,
}

/// A request.
#[derive(Clone)]
pub struct Post {
    /// Where to; perhaps a secret.
    pub url: String,
    /// Headers; names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// How long the server asks to be left alone, if it says so in seconds.
    pub retry_after: Option<Duration>,
    /// The beginning of the body, as far as it is UTF-8. Whoever answers writes what they like.
    pub body: String,
}

/// What came back, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebDocument {
    /// The status of HTTP.
    pub status: u16,
    /// What the server says the body is; empty if it does not say.
    pub kind: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back. No message shows the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Slow(Duration),
    /// The server cannot be reached, or hung up.
    #[error("no connection: {0}")]
    Connection(String),
    /// A body that is longer than anything that was asked for.
    #[error("the answer is longer than {0} bytes")]
    Long(usize),
    /// A body that broke off.
    #[error("the answer broke off")]
    Cut,
    /// The request cannot be written.
    #[error("the request cannot be sent: its address or a header is not one of HTTP")]
    Request,
}

impl Web {
    /// With proxies from the environment.
    pub fn new() -> Web {
        Web { connector: crate::session::http::connector(None, None) }
    }

    /// Sends a request with POST and waits for the answer, as long as `limit`. The body is read of what refuses only, and an answer
    /// whose body does not come has its status all the same: what a server has taken must not be sent again.
    ///
    /// # Errors
    /// There is no answer; one of any status is none.
    pub async fn post(&self, post: &Post, limit: Duration) -> Result<WebAnswer, WebError> {
        let request = request(post).ok_or(WebError::Request)?;
        let called = tokio::time::timeout(limit, self.connector.call(request)).await;
        let response = called.map_err(|_| WebError::Slow(limit))?.map_err(|error| WebError::Connection(cause(&error)))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|text| text.trim().parse().ok());
        let mut body = Vec::new();
        if status >= 300 {
            let mut stream = ByteStream::new(response.into_body());
            // What came before the time was over stays.
            drop(tokio::time::timeout(limit.min(BODY), read(&mut stream, &mut body)).await);
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(WebAnswer { status, retry_after: retry_after.map(Duration::from_secs), body })
    }

    /// Sends a request with POST and waits for the whole answer, as long as `limit` and for no more than `most` bytes.
    ///
    /// # Errors
    /// There is no answer, or its body does not come whole.
    pub async fn ask(&self, post: &Post, limit: Duration, most: usize) -> Result<WebDocument, WebError> {
        let request = request(post).ok_or(WebError::Request)?;
        let asked = async {
            let response = self.connector.call(request).await.map_err(|error| WebError::Connection(cause(&error)))?;
            let status = response.status().as_u16();
            let kind = response.headers().get("content-type").unwrap_or_default().to_owned();
            let (mut stream, mut body) = (ByteStream::new(response.into_body()), Vec::new());
            while let Some(bytes) = stream.next().await {
                body.extend_from_slice(&bytes.map_err(|_| WebError::Cut)?);
                if body.len() > most {
                    return Err(WebError::Long(most));
                }
            }
            Ok(WebDocument { status, kind, body })
        };
        tokio::time::timeout(limit, asked).await.map_err(|_| WebError::Slow(limit))?
    }
}

/// Reads the beginning of a body.
async fn read(stream: &mut ByteStream, body: &mut Vec<u8>) {
    while body.len() < MAX_ANSWER
        && let Some(Ok(bytes)) = stream.next().await
    {
        body.extend_from_slice(&bytes);
        body.truncate(MAX_ANSWER);
    }
}

impl Default for Web {
    fn default() -> Web {
        Web::new()
    }
}

fn request(post: &Post) -> Option<HttpRequest> {
    let mut request = HttpRequest::new(SdkBody::from(post.body.clone()));
    request.set_method("POST").ok()?;
    request.set_uri(post.url.as_str()).ok()?;
    for (name, value) in &post.headers {
        request.headers_mut().try_insert(*name, value.clone()).ok()?;
    }
    Some(request)
}

/// What lies at the bottom of a failure: the words above it are those of the client, and may name the address.
fn cause(error: &ConnectorError) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(below) = deepest.source() {
        deepest = below;
    }
    deepest.to_string()
}

impl fmt::Debug for Post {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Post").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn post(url: String) -> Post {
        Post { url, headers: vec![("x-what", "this".to_owned())], body: b"{}".to_vec() }
    }

    /// A server that answers one request with a text, and gives what it was sent.
    fn answering(text: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/canary-path", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut said = vec![0; 4096];
            let length = stream.read(&mut said).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            String::from_utf8_lossy(&said[..length]).into_owned()
        });
        (url, served)
    }

    #[tokio::test]
    async fn an_answer_of_any_status_is_one() {
        let (url, served) =
            answering("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwait");
        let answer = Web::new().post(&post(url), Duration::from_secs(5)).await.unwrap();
        let expected = WebAnswer { status: 429, retry_after: Some(Duration::from_secs(7)), body: "wait".to_owned() };
        assert_eq!(answer, expected);
        let said = served.join().unwrap();
        assert!(said.starts_with("POST /canary-path HTTP/1.1\r\n") && said.contains("x-what: this\r\n"), "{said}");
    }

    #[tokio::test]
    async fn an_answer_whose_body_does_not_come_is_one() {
        for (status, said) in [(200, ""), (404, "no_")] {
            let head = if status == 200 { "HTTP/1.1 200 OK\r\n" } else { "HTTP/1.1 404 No\r\n" };
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                stream.write_all(format!("{head}Content-Length: 10\r\n\r\nno_").as_bytes()).unwrap();
                // Until the client goes away.
                drop(stream.read(&mut [0; 4096]));
            });
            let answer = Web::new().post(&post(url), Duration::from_millis(500)).await.unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (status, said));
        }
    }

    #[tokio::test]
    async fn a_redirection_is_not_followed() {
        let (url, _) =
            answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert_eq!(Web::new().post(&post(url), Duration::from_secs(5)).await.unwrap().status, 302);
    }

    #[tokio::test]
    async fn a_document_comes_whole_or_not_at_all() {
        let asked = async |text: &'static str, most: usize| {
            let (url, _) = answering(text);
            Web::new().ask(&post(url), Duration::from_secs(5), most).await
        };
        let whole = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\na\0b";
        let document = WebDocument { status: 200, kind: "text/plain".to_owned(), body: b"a\0b".to_vec() };
        assert_eq!(asked(whole, 3).await, Ok(document));
        assert_eq!(asked(whole, 2).await, Err(WebError::Long(2)));
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\na";
        assert_eq!(asked(cut, 9).await, Err(WebError::Cut));
    }

    #[tokio::test]
    async fn failures_do_not_show_the_address() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = Web::new().post(&post(format!("http://{free}/canary-path")), Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(&refused, WebError::Connection(why) if !why.is_empty()), "{refused}");
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/canary-path", silent.local_addr().unwrap());
        let slow = Web::new().post(&post(url.clone()), Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(slow, WebError::Slow(_)), "{slow}");
        let wrong = Web::new().post(&post("canary path".to_owned()), Duration::from_secs(5)).await.unwrap_err();
        let headers = Post { headers: vec![("x-what", "a\nb".to_owned())], ..post(url.clone()) };
        let header = Web::new().post(&headers, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!((&wrong, &header), (&WebError::Request, &WebError::Request));
        for error in [refused, slow, wrong, header] {
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
        assert!(!format!("{:?}", post(url)).contains("canary"));
    }
}
