//! The limit of a command that calls Cognito itself.

use clap::Args;
use shared::Error;
use shared::model::Tps;

use crate::arguments;

/// The limit, as the operator gives it.
#[derive(Debug, Default, Args)]
pub struct TpsArgs {
    /// Cognito calls per second, 1 to 200 [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tps: Option<String>,
}

impl TpsArgs {
    /// The limit, or the default.
    ///
    /// # Errors
    /// `InvalidInput` unless it is a number from 1 to 200.
    pub fn read(&self) -> Result<Tps, Error> {
        Ok(arguments::read_if_given("--tps", self.tps.as_deref(), Tps::parse)?.unwrap_or(Tps::DEFAULT))
    }
}
