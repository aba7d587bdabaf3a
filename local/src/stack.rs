//! Everything at once: an emulator of its own with the backup deployed, and a recorder in front where wanted.

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
    /// What runs where.
    pub deployment: Deployment,
    /// What the functions asked of Cognito and DynamoDB, and the place to inject faults.
    pub recorder: Recorder,
    /// The rules of the real Cognito, between the recorder and the emulator.
    pub strict: StrictProxy,
    emulator: Emulator,
}

impl Stack {
    /// Builds the functions, starts an emulator, a strict Cognito and a recorder, and deploys. The functions' calls of Cognito,
    /// DynamoDB and SNS go through the recorder and the strict Cognito; those of this value's clients do not.
    ///
    /// # Errors
    /// The first of these steps that fails.
    pub async fn up(settings: Settings, options: Options) -> Result<Self> {
        let executables = build::functions(Output::Quiet).await?;
        let emulator = Emulator::start(settings).await?;
        let strict = StrictProxy::start(&emulator.server().endpoint_url()).await?;
        let recorder = Recorder::start(&strict.url()).await?;
        Self::assemble(emulator, strict, recorder, options, &executables).await
    }

    /// As [`Stack::up`], with functions that are built already, and with the recorder straight in front of the emulator: the work of
    /// the strict Cognito would be measured as the emulator's.
    ///
    /// # Errors
    /// As [`Stack::up`].
    pub async fn up_to_measure(settings: Settings, options: Options, executables: &Executables) -> Result<Self> {
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
        let server = emulator.server();
        let mut options = options;
        options.variables.push(("AWS_ENDPOINT_URL_SNS".into(), recorder.url()));
        let options = Options { cognito_endpoint: Some(recorder.url()), dynamodb_endpoint: Some(recorder.url()), ..options };
        let deployment = provision::deploy(&server.endpoint_url(), server.pid(), executables, &options).await?;
        Ok(Self { deployment, recorder, strict, emulator })
    }

    /// The emulator.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// A Cognito client that does not pass the recorder.
    pub fn cognito(&self) -> cognito::Client {
        cognito::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }

    /// A DynamoDB client of the first Region that does not pass the recorder.
    pub fn dynamodb(&self) -> dynamodb::Client {
        dynamodb::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }

    /// A DynamoDB client of the second Region, where the replica is.
    pub fn dynamodb_replica(&self) -> dynamodb::Client {
        dynamodb::Client::new(&aws::config(&self.deployment.endpoint_url, SECONDARY_REGION))
    }

    /// A Lambda client, to invoke a function directly.
    pub fn lambda(&self) -> lambda::Client {
        lambda::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }

    /// A Step Functions client.
    pub fn sfn(&self) -> sfn::Client {
        sfn::Client::new(&aws::config(&self.deployment.endpoint_url, REGION))
    }
}
