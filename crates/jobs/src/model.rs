//! A model service with the worker's key: what the jobs ask of it, and how they take its refusals.

use std::time::Duration;

use ai::{Chat, Embed, Message, Role, Service, Settings};
use job::{Context, Error};

use crate::service::operators_url;

const KEY: &str = "AI_API_KEY";
const SERVICE: &str = "AI_SERVICE_URL";
const DEFAULT: &str = "https://api.openai.com/v1";
/// How long one request may take: models think.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long the job rests when a limit does not say for how long.
const REST: Duration = Duration::from_secs(60);

/// A service, asked on behalf of an attempt.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    service: Service,
    context: &'a Context,
}

impl<'a> Model<'a> {
    /// At the address in the variable `own`, else in `AI_SERVICE_URL`. It may be that of the host, of
    /// its interface (`…/v1`), or of one call.
    ///
    /// # Errors
    /// [`Error::Refused`] when a variable is missing or wrong.
    pub(crate) fn of(own: &str, context: &'a Context) -> Result<Self, Error> {
        let name = if context.variable(own).is_some() { own } else { SERVICE };
        let url = operators_url(name, Some(DEFAULT), context)?.to_string();
        let missing = || Error::Refused(format!("the worker has no variable {KEY}"));
        let key = Some(context.variable(KEY).ok_or_else(missing)?.to_owned());
        let service = Service::new(Settings { url, key, timeout: TIMEOUT });
        let service = service.map_err(|error| Error::Refused(format!("{name}: {error}")))?;
        Ok(Self { service, context })
    }

    /// Asks whether the service is there and takes the key.
    ///
    /// # Errors
    /// Those of the request.
    pub(crate) async fn probe(&self) -> Result<(), Error> {
        self.asked(self.service.probe()).await
    }

    /// The vectors of `texts`, in their order.
    ///
    /// # Errors
    /// Those of the request; retryable when there is not one vector for each text.
    pub(crate) async fn embed(&self, model: &str, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let input = texts.iter().map(|&text| text.to_owned()).collect();
        let embed = Embed { model: model.to_owned(), input, dimensions: None };
        self.asked(self.service.embed(&embed)).await.map(|embeddings| embeddings.vectors)
    }

    /// What the model says to `prompt` under these instructions.
    ///
    /// # Errors
    /// Those of the request; retryable when it says nothing.
    pub(crate) async fn answer(
        &self,
        model: &str,
        instructions: &str,
        prompt: &str,
    ) -> Result<String, Error> {
        let said = |role, text: &str| Message { role, content: text.to_owned() };
        let chat = Chat {
            model: model.to_owned(),
            messages: vec![said(Role::System, instructions), said(Role::User, prompt)],
            temperature: None,
            max_tokens: None,
        };
        self.asked(self.service.chat(&chat)).await.map(|reply| reply.text)
    }

    /// Waits for an answer, unless the attempt has to stop.
    async fn asked<T>(
        &self,
        asking: impl Future<Output = Result<T, ai::Error>>,
    ) -> Result<T, Error> {
        let answer = tokio::select! {
            () = self.context.cancelled().cancelled() => return Err(Error::Cancelled),
            answer = asking => answer,
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.refused(error).await),
        }
    }

    /// A limit has the job rest, so that no other attempt runs into it.
    async fn refused(&self, error: ai::Error) -> Error {
        if let ai::Error::Busy { status: 429, retry_after, .. } = error {
            let rest = retry_after.unwrap_or(REST);
            let reason = "the model service asked for fewer requests";
            if let Err(error) = self.context.cool_down(rest, reason).await {
                return error;
            }
        }
        // Another answer may be of the right shape.
        let may_pass = error.may_pass() || matches!(error, ai::Error::Garbled(_));
        if may_pass { Error::failed(error.to_string()) } else { Error::fatal(error.to_string()) }
    }
}
