//! The model that is asked what to think of a run: one question, one more try, one bound on both.

use std::time::Duration;

use ai::{Chat, Error, Message, Role, Service, Settings};
use coordinator::{Advice, Adviser, Silence};
use futures::future::{BoxFuture, FutureExt};
use last::Prompt;
use tokio::time::{sleep, timeout};

pub use ai::SettingError;

/// How long to wait before the second try of a service that does not say.
const AGAIN: Duration = Duration::from_secs(1);

/// A model of a service.
#[derive(Debug, Clone)]
pub struct Model {
    service: Service,
    name: String,
    patience: Duration,
}

impl Model {
    /// The model `name` of the service at `url`, which wants `key` if it wants one. `patience` is how
    /// long its answer may take, the second try included. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address or the key cannot be one.
    pub fn new(
        url: &str,
        key: Option<String>,
        name: String,
        patience: Duration,
    ) -> Result<Self, SettingError> {
        let settings = Settings { url: url.to_owned(), key, timeout: patience };
        Ok(Self { service: Service::new(settings)?, name, patience })
    }

    async fn ask(&self, prompt: &Prompt) -> Result<Advice, Error> {
        let say = |role, content: &str| Message { role, content: content.to_owned() };
        let chat = Chat {
            model: self.name.clone(),
            messages: vec![say(Role::System, prompt.task), say(Role::User, &prompt.data)],
            temperature: None,
            max_tokens: None,
        };
        let late = || Error::Late(self.patience);
        let asking = self.ask_twice(&chat);
        let reply = timeout(self.patience, asking).await.unwrap_or_else(|_| Err(late()))?;
        let tokens = reply.usage.map(|usage| usage.total_tokens);
        Ok(Advice { text: reply.text, model: reply.model, tokens })
    }

    async fn ask_twice(&self, chat: &Chat) -> Result<ai::Reply, Error> {
        match self.service.chat(chat).await {
            Err(busy @ Error::Busy { .. }) => {
                let wait = busy.retry_after().unwrap_or(AGAIN);
                if wait >= self.patience {
                    return Err(busy);
                }
                sleep(wait).await;
                self.service.chat(chat).await
            }
            answer => answer,
        }
    }
}

impl Adviser for Model {
    fn advise<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Advice, Silence>> {
        let asking = self.ask(prompt);
        async move { asking.await.map_err(|error| silence(&error)) }.boxed()
    }
}

/// The LAST goes to whoever may read results, so it is told no address and nothing that was said.
fn silence(error: &Error) -> Silence {
    let reason = match error {
        Error::Busy { status, .. } | Error::Refused { status, .. } => {
            format!("the model service answered {status}")
        }
        Error::Late(patience) => format!("no answer within {} s", patience.as_secs()),
        Error::Garbled(_) => "the answer of the model service cannot be used".to_owned(),
        _ => "the model service was not reached".to_owned(),
    };
    Silence { reason, detail: error.to_string() }
}
