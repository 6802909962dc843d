//! Questions to the conductor of a local run, and the heartbeats of the workers here.

use protocol::{Answer, Heartbeat, Question};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{Beats, Error, Questions};

/// Questions that may wait: a conductor that is busy answers late, not never.
const WAITING: usize = 64;

type Asked = (Question, oneshot::Sender<Answer>);

/// Where questions are handed in.
#[derive(Debug, Clone)]
pub(super) struct Desk(mpsc::Sender<Asked>);

impl Desk {
    /// Asks; `None` when the conductor is gone.
    pub(super) async fn ask(&self, question: Question) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.0.send((question, reply)).await.ok()?;
        answer.await.ok()
    }
}

/// A desk and what is handed in there.
pub(super) fn open() -> (Desk, LocalQuestions) {
    let (asked, questions) = mpsc::channel(WAITING);
    (Desk(asked), LocalQuestions { questions, reply: None })
}

/// Questions to the conductor of one run.
#[derive(Debug)]
pub struct LocalQuestions {
    questions: mpsc::Receiver<Asked>,
    reply: Option<oneshot::Sender<Answer>>,
}

impl Questions for LocalQuestions {
    async fn next(&mut self) -> Result<Question, Error> {
        let (question, reply) = self.questions.recv().await.ok_or(Error::Closed)?;
        self.reply = Some(reply);
        Ok(question)
    }

    async fn answer(&mut self, answer: Answer) {
        if let Some(reply) = self.reply.take() {
            // Who asked may have gone.
            let _ = reply.send(answer);
        }
    }
}

/// The heartbeats of all workers of this process.
#[derive(Debug)]
pub struct LocalBeats(broadcast::Receiver<Heartbeat>);

impl LocalBeats {
    pub(super) const fn new(beats: broadcast::Receiver<Heartbeat>) -> Self {
        Self(beats)
    }
}

impl Beats for LocalBeats {
    async fn next(&mut self) -> Result<Heartbeat, Error> {
        loop {
            match self.0.recv().await {
                Ok(beat) => return Ok(beat),
                // The next one says the same anew.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Err(Error::Closed),
            }
        }
    }
}
