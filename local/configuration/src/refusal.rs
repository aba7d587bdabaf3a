//! The errors with which Cognito refuses a call.

use std::fmt;

/// A refused call: Cognito's error code and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationRefusal {
    /// The name of the error in Cognito's API model, such as `InvalidParameterException`.
    pub code: &'static str,
    /// A sentence. It repeats names of objects, and no secret.
    pub message: String,
}

impl ConfigurationRefusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// The refusal of a call on an object that does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    /// The refusal of a feature that the tier of the pool lacks.
    pub(crate) fn tier(feature: &str, tier: &str) -> Self {
        Self::new("FeatureUnavailableInTierException", tier_message(&[feature], tier))
    }
}

/// Cognito's text for features that a tier lacks. Source: measured with threat protection on ESSENTIALS.
pub(crate) fn tier_message(features: &[&str], tier: &str) -> String {
    let features = features.join(", ");
    format!("The following features need to be disabled for the {tier} pricing tier configured: {features}")
}

impl fmt::Display for ConfigurationRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ConfigurationRefusal {}
