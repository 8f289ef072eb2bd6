//! `assize notify test`: sends a message to each receiver, and says what it answered.

use assize_cloud::Sessions;
use assize_engine::time;
use futures::future::join_all;

use super::CommandError;
use super::scan::now;
use crate::aws;
use crate::cli::{NotifyCommand, NotifyTestArgs};
use crate::config::{Channel, Config, Receiver};
use crate::console::Console;
use crate::exit::Exit;
use crate::notify::message::{Head, plan};
use crate::notify::send::{Means, send};
use crate::report::escape::terminal;
use crate::run::RunError;

/// Runs `assize notify`.
pub(crate) fn run(command: &NotifyCommand, console: &Console) -> Result<Exit, CommandError> {
    match command {
        NotifyCommand::Test(args) => test(args, console),
    }
}

fn test(args: &NotifyTestArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = Config::of_option(args.config.as_deref())?;
    let wanted = |receiver: &&Receiver| args.name.as_ref().is_none_or(|name| *name == receiver.name);
    let receivers: Vec<&Receiver> = config.notify.iter().filter(wanted).collect();
    if receivers.is_empty() {
        return Err(CommandError::NoReceiver(args.name.clone()));
    }
    let answers = super::runtime()?.block_on(tried(&config, &receivers)).map_err(Box::new)?;
    let mut failed = 0;
    for (receiver, answer) in receivers.iter().zip(answers) {
        let place = place(&receiver.to);
        let line = match answer {
            Ok(said) => format!("ok    {} ({place}): {}\n", receiver.name, terminal(&said)),
            Err(why) => {
                failed += 1;
                format!("FAIL  {} ({place}): {}\n", receiver.name, terminal(&why))
            }
        };
        console.result(&line)?;
    }
    Ok(if failed == 0 { Exit::Clean } else { Exit::Failed })
}

/// What each receiver answers to a test message. AWS is asked only where a receiver is a topic.
async fn tried(config: &Config, receivers: &[&Receiver]) -> Result<Vec<Result<String, String>>, RunError> {
    let is_topic = |receiver: &&&Receiver| matches!(receiver.to, Channel::Sns { .. });
    let sessions = match receivers.iter().find(is_topic) {
        Some(_) => Some(aws::sessions(config).await.map_err(RunError::Credentials)?),
        None => None,
    };
    let as_of = time::format(now());
    let one = async |receiver: &&Receiver| {
        let head = Head { organisation: &config.name, run: "", as_of: &as_of };
        let messages = plan(receiver, vec![crate::notify::test(&as_of)], 0, head);
        let session = session(config, &receiver.to, sessions.as_ref());
        let answers = send(&receiver.to, &messages, &Means::new(session)).await;
        answers.into_iter().next().unwrap_or_else(|| Err("nothing was sent".to_owned()))
    };
    Ok(join_all(receivers.iter().map(one)).await)
}

fn session(config: &Config, to: &Channel, sessions: Option<&Sessions>) -> Option<assize_cloud::Session> {
    match (to, sessions) {
        (Channel::Sns { account: Some(account), .. }, Some(sessions)) => Some(aws::account_session(sessions, config, account)),
        (Channel::Sns { .. }, Some(sessions)) => Some(sessions.base()),
        _ => None,
    }
}

/// How a receiver is reached, without what is secret.
fn place(to: &Channel) -> String {
    match to {
        Channel::Sns { topic, .. } => format!("SNS {topic}"),
        Channel::Slack { .. } => "Slack".to_owned(),
        Channel::Webhook { .. } => "webhook".to_owned(),
    }
}
