//! A pool to call, for unit tests.

use serde_json::{Value, json};

use crate::{ConfigurationRefusal, ConfigurationSettings, Configurations};

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/sms";
pub(crate) const SES: &str = "arn:aws:ses:eu-central-1:123456789012:identity/example.com";
pub(crate) const LAMBDA: &str = "arn:aws:lambda:eu-central-1:123456789012:function:trigger";
pub(crate) const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/1";

/// Configurations with one pool. Calls are on that pool, unless their input names another.
pub(crate) struct Fixture {
    pub configurations: Configurations,
    pub pool: String,
    pub now: f64,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(json!({}))
    }

    /// With a pool of other members.
    pub fn with(pool: Value) -> Self {
        let configurations =
            Configurations::new("123456789012", "eu-central-1", ConfigurationSettings::default());
        let mut fixture = Self { configurations, pool: String::new(), now: 1_000.0 };
        fixture.pool = fixture.create(pool).unwrap();
        fixture
    }

    /// Creates another pool. Returns its id.
    pub fn create(&mut self, mut pool: Value) -> Result<String, ConfigurationRefusal> {
        if pool["PoolName"].is_null() {
            pool["PoolName"] = "pool".into();
        }
        let created = self.configurations.answer("CreateUserPool", &pool, self.now)?;
        Ok(created["UserPool"]["Id"].as_str().unwrap().to_owned())
    }

    /// Creates a client. Returns its id.
    pub fn client(&mut self, input: Value) -> String {
        self.call("CreateUserPoolClient", input)["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
    }

    pub fn try_call(&mut self, operation: &str, mut input: Value) -> Result<Value, ConfigurationRefusal> {
        if input["UserPoolId"].is_null() {
            input["UserPoolId"] = self.pool.as_str().into();
        }
        self.configurations.answer(operation, &input, self.now)
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Value {
        self.try_call(operation, input).unwrap_or_else(|refusal| panic!("{operation}: {refusal}"))
    }

    pub fn refused(&mut self, operation: &str, input: Value) -> ConfigurationRefusal {
        self.try_call(operation, input).expect_err(operation)
    }

    /// The pool object.
    pub fn described(&mut self) -> Value {
        self.call("DescribeUserPool", json!({}))["UserPool"].take()
    }

    pub fn settings(&mut self) -> &mut ConfigurationSettings {
        self.configurations.settings_mut()
    }
}
