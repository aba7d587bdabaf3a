//! Goal: the recorder forwards, records and changes calls as its fault rule says.
//!
//! Method: an SDK client calls the recorder. The recorder's upstream is a second recorder that answers all
//! calls.

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use serde_json::json;

use super::*;
use crate::aws;

/// Returns the upstream, the recorder in front of it, and a client of the recorder that never retries.
async fn chain() -> Result<(Recorder, Recorder, Client)> {
    let upstream = Recorder::start("http://127.0.0.1:9").await?;
    upstream.inject(|_| Action::Answer(Answer::ok(json!({"Users": [{"Username": "a"}]}))));
    let recorder = Recorder::start(&upstream.url()).await?;
    let config = aws::config(&recorder.url(), aws::REGION)
        .into_builder()
        .retry_config(RetryConfig::disabled())
        .build();
    Ok((upstream, recorder, Client::new(&config)))
}

async fn listed_users(client: &Client) -> Result<usize> {
    Ok(client.list_users().user_pool_id("us-east-1_x").send().await?.users().len())
}

#[tokio::test]
async fn the_recorder_forwards_and_records_a_call() -> Result<()> {
    let (upstream, recorder, client) = chain().await?;
    assert_eq!(listed_users(&client).await?, 1);
    assert_eq!(listed_users(&client).await?, 1);
    let traffic = recorder.traffic().cognito().of("ListUsers");
    assert_eq!(traffic.total(), 2);
    assert_eq!(upstream.traffic().total(), 2);
    assert_eq!(traffic.entries()[0].status, Some(200));
    assert!(traffic.request_bytes() > 0 && traffic.response_bytes() > 0);
    let times = |entry: &Entry| Some((entry.at, entry.forwarded_at?, entry.replied_at?, entry.done_at?));
    let (at, forwarded, replied, done) = times(&traffic.entries()[0]).context("the entry lacks a time")?;
    assert!(at <= forwarded && forwarded <= replied && replied <= done);
    recorder.clear();
    assert_eq!(recorder.traffic().total(), 0);
    Ok(())
}

#[tokio::test]
async fn a_call_that_the_recorder_answers_never_reaches_the_upstream() -> Result<()> {
    let (upstream, recorder, client) = chain().await?;
    recorder.inject(|call| if call.sequence == 2 { Action::too_many_requests() } else { Action::Forward });
    assert_eq!(listed_users(&client).await?, 1);
    let error = client.list_users().user_pool_id("us-east-1_x").send().await.err();
    assert_eq!(error.as_ref().and_then(|error| error.code()), Some("TooManyRequestsException"));
    assert_eq!(listed_users(&client).await?, 1);
    assert_eq!((recorder.traffic().total(), upstream.traffic().total()), (3, 2));
    Ok(())
}

#[tokio::test]
async fn the_upstream_gets_the_call_of_a_lost_reply_but_not_a_lost_request() -> Result<()> {
    let (upstream, recorder, client) = chain().await?;
    for (loses_reply, forwarded) in [(true, 1), (false, 0)] {
        upstream.clear();
        recorder.inject(move |_| if loses_reply { Action::LoseReply } else { Action::LoseRequest });
        let error = client.list_users().user_pool_id("us-east-1_x").send().await.err();
        assert!(matches!(error, Some(SdkError::DispatchFailure(_))), "{error:?}");
        assert_eq!(upstream.traffic().total(), forwarded);
    }
    recorder.forward_all();
    assert_eq!(listed_users(&client).await?, 1);
    Ok(())
}

#[tokio::test]
async fn the_recorder_can_rewrite_and_delay_a_reply() -> Result<()> {
    let (_upstream, recorder, client) = chain().await?;
    recorder.inject(|_| {
        let empty = Action::rewrite(|mut reply| {
            reply["Users"] = json!([]);
            reply
        });
        Action::Delay(Duration::from_millis(20), Box::new(empty))
    });
    let before = Instant::now();
    assert_eq!(listed_users(&client).await?, 0);
    assert!(before.elapsed() >= Duration::from_millis(20));
    Ok(())
}

#[tokio::test]
async fn the_recorder_counts_the_write_units_of_a_put() -> Result<()> {
    let (upstream, recorder, _) = chain().await?;
    upstream.inject(|_| Action::Answer(Answer::ok(json!({}))));
    let client = aws_sdk_dynamodb::Client::new(&aws::config(&recorder.url(), aws::REGION));
    let text = aws_sdk_dynamodb::types::AttributeValue::S("x".repeat(2_000));
    client.put_item().table_name("t").item("pk", text).send().await?;
    assert_eq!(recorder.traffic().dynamodb().write_units(), 2);
    Ok(())
}

#[tokio::test]
async fn a_call_to_a_stopped_upstream_gets_bad_gateway() -> Result<()> {
    let (upstream, recorder, client) = chain().await?;
    drop(upstream);
    let error = client.list_users().user_pool_id("us-east-1_x").send().await.err();
    assert_eq!(error.as_ref().and_then(|error| error.code()), Some("BadGateway"));
    assert_eq!(recorder.traffic().entries()[0].status, Some(502));
    Ok(())
}
