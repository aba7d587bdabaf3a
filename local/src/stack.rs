//! An emulator with the backup deployed and with a recorder in front.

use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_dynamodb as dynamodb;
use aws_sdk_lambda as lambda;
use aws_sdk_sfn as sfn;

use anyhow::Result;

use crate::aws::{self, REGION, SECONDARY_REGION};
use crate::build::{self, Executables, Output};
use crate::emulator::{Emulator, Settings};
use crate::provision::{self, Deployment, Options};
use crate::recorder::Recorder;
use crate::strict::StrictProxy;

/// A deployment in an emulator that ends with this value.
#[derive(Debug)]
pub struct Stack {
    /// The names and addresses of what is deployed.
    pub deployment: Deployment,
    /// Records the calls of the functions and injects faults.
    pub recorder: Recorder,
    /// Applies the rules of Cognito, between the recorder and the emulator.
    pub strict: StrictProxy,
    emulator: Emulator,
}

impl Stack {
    /// Builds the functions for development, starts an emulator, a strict proxy and a recorder, and deploys.
    /// The functions call Cognito, DynamoDB and SNS through the recorder and the strict proxy. The clients of
    /// this value do not.
    ///
    /// # Errors
    /// If one of these steps fails.
    pub async fn up(settings: Settings, options: Options) -> Result<Self> {
        let executables = build::functions(Output::Quiet).await?;
        let emulator = Emulator::start(settings).await?;
        let strict = StrictProxy::start(&emulator.server().endpoint_url()).await?;
        let recorder = Recorder::start(&strict.url()).await?;
        Self::assemble(emulator, strict, recorder, options, &executables).await
    }

    /// As [`Stack::up`], with functions that are built already. The recorder calls the emulator directly,
    /// because the measurement would count the time of the strict proxy as time of the emulator.
    ///
    /// # Errors
    /// As [`Stack::up`].
    pub async fn up_to_measure(
        settings: Settings,
        options: Options,
        executables: &Executables,
    ) -> Result<Self> {
        let emulator = Emulator::start(settings).await?;
        let strict = StrictProxy::start(&emulator.server().endpoint_url()).await?;
        let recorder = Recorder::start(&emulator.server().endpoint_url()).await?;
        Self::assemble(emulator, strict, recorder, options, executables).await
    }

    async fn assemble(
        emulator: Emulator,
        strict: StrictProxy,
        recorder: Recorder,
        options: Options,
        executables: &Executables,
    ) -> Result<Self> {
        let mut options = options;
        options.variables.push(("AWS_ENDPOINT_URL_SNS".into(), recorder.url()));
        let options = Options {
            cognito_endpoint: Some(recorder.url()),
            dynamodb_endpoint: Some(recorder.url()),
            ..options
        };
        let deployment = provision::deploy(emulator.server(), executables, &options).await?;
        Ok(Self { deployment, recorder, strict, emulator })
    }

    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// A Cognito client. It does not pass the recorder.
    pub fn cognito(&self) -> cognito::Client {
        cognito::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }

    /// A DynamoDB client of the first Region. It does not pass the recorder.
    pub fn dynamodb(&self) -> dynamodb::Client {
        dynamodb::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }

    /// A DynamoDB client of the second Region, for the replica. It does not pass the recorder.
    pub fn dynamodb_replica(&self) -> dynamodb::Client {
        dynamodb::Client::new(&aws::config(&self.deployment.endpoint_url, SECONDARY_REGION))
    }

    /// A Lambda client, for direct calls of a function.
    pub fn lambda(&self) -> lambda::Client {
        lambda::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }

    /// A Step Functions client.
    pub fn sfn(&self) -> sfn::Client {
        sfn::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }
}
