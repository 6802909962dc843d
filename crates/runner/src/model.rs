//! The model that is asked what to think of runs.

use std::sync::Arc;

use client::{Model, SettingError};
use coordinator::Adviser;

use crate::exit::Failure;
use crate::settings::{self, Settings};

/// The model, if the environment names its service.
///
/// # Errors
/// Exit 2 when the address or the key cannot be one.
pub(crate) fn adviser(settings: &Settings) -> Result<Option<Arc<dyn Adviser>>, Failure> {
    let Some(settings::Model { url, key, name, patience }) = settings.model.clone() else {
        return Ok(None);
    };
    let made = Model::new(&url, key, name, patience).map_err(|error| match error {
        SettingError::Url(_) => {
            Failure::usage(format!("RUNNER_AI_SERVICE_URL: {error}"), "correct or unset it")
        }
        SettingError::Key => {
            Failure::usage(format!("RUNNER_AI_API_KEY: {error}"), "correct or unset it")
        }
        SettingError::Client(_) => Failure::fault(error.to_string()),
    })?;
    Ok(Some(Arc::new(made)))
}
