//! The adapter for the default event bus.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::codes::code_of;
use shared::model::{BusEvent, DEFAULT_BUS, EVENT_SOURCE, ErrorCode};
use shared::{Error, ErrorKind, Result};

/// Calls for the same events. EventBridge can refuse some events of a call that succeeds.
/// Source: "PutEvents", `FailedEntryCount`, Amazon EventBridge API reference.
const MAX_CALLS: u32 = 3;
const RETRIED_AFTER: Duration = Duration::from_millis(300);
/// The time for all calls. What follows them in the invocation needs the rest of it.
const TIME: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
}

impl EventBus {
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// A client with timeouts and with the SDK's retries.
    pub fn client(config: &aws_config::SdkConfig) -> Client {
        let config = aws_sdk_eventbridge::config::Builder::from(config);
        Client::from_conf(config.timeout_config(super::timeouts()).build())
    }

    /// Puts events on the default bus of the Region. There are at most ten.
    ///
    /// # Errors
    /// `CallRefused` if an event may not have reached the bus, also after ten seconds without an answer.
    pub async fn put(&self, events: &[BusEvent]) -> Result<()> {
        let late = |_| Err(lost(events.len(), &ErrorCode::of("Timeout")));
        tokio::time::timeout(TIME, self.put_all(events)).await.unwrap_or_else(late)
    }

    async fn put_all(&self, events: &[BusEvent]) -> Result<()> {
        let mut entries = events.iter().map(entry).collect::<Result<Vec<_>>>()?;
        for call in 1.. {
            let request = self.client.put_events().set_entries(Some(entries.clone()));
            let answer = request.send().await.map_err(|error| lost(entries.len(), &code_of(&error)))?;
            if answer.failed_entry_count == 0 {
                break;
            }
            // The answer has a result for each entry, in the same order.
            let results = entries.into_iter().zip(answer.entries.unwrap_or_default());
            let refused: Vec<_> = results.filter(|(_, result)| result.event_id.is_none()).collect();
            let code = refused.first().and_then(|(_, result)| result.error_code.as_deref());
            if call == MAX_CALLS || refused.is_empty() {
                let count = usize::try_from(answer.failed_entry_count).unwrap_or_default();
                return Err(lost(count, &ErrorCode::of(code.unwrap_or("NoCode"))));
            }
            entries = refused.into_iter().map(|(entry, _)| entry).collect();
            tokio::time::sleep(RETRIED_AFTER * call).await;
        }
        Ok(())
    }
}

fn entry(event: &BusEvent) -> Result<PutEventsRequestEntry> {
    let detail = serde_json::to_string(event).map_err(|_| lost(1, &ErrorCode::of("RequestNotMade")))?;
    let entry = PutEventsRequestEntry::builder().event_bus_name(DEFAULT_BUS).source(EVENT_SOURCE);
    Ok(entry.detail_type(event.detail_type()).detail(detail).build())
}

fn lost(count: usize, code: &ErrorCode) -> Error {
    Error::new(
        ErrorKind::CallRefused,
        format!("{count} of the events about the run may not have reached the default event bus ({code})."),
        "Check that the function's role may put events of the source cognito-backup on the default bus. What waits for \
         the event has to look at the run itself.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::model::{Deployment, Restore, RestoreState};

    use super::*;
    use crate::answers::{Answer, Server};

    fn event() -> BusEvent {
        let id = "20261121T020000000Z-1a2b3c4d";
        let none = json!({"users": 0, "groups": 0, "memberships": 0, "pages": 0, "recordsWritten": 0});
        let restore: Restore = serde_json::from_value(json!({
            "id": id, "source": "eu-west-1_A", "target": "eu-west-1_B", "selector": "latest", "snapshot": id,
            "state": "FAILED", "execution": {"id": "e", "startedAt": "2026-11-21T02:00:00Z"}, "expiresAt": 0, "pass": 1,
            "settings": {"mfa": "OFF", "passwordLength": 8}, "expected": none, "handled": none,
            "failure": {"error": "PoolNotFound", "cause": "c"},
        }))
        .unwrap();
        assert_eq!(restore.state, RestoreState::Failed);
        BusEvent::of_restore(&Deployment::new("t", Some("eu-west-1")), &restore).unwrap()
    }

    async fn bus(body: Value) -> (Server, EventBus) {
        let server = Server::start(Answer { status: 200, body: body.to_string() }).await;
        let bus = EventBus::new(Client::new(&server.config()));
        (server, bus)
    }

    #[tokio::test]
    async fn an_event_goes_to_the_default_bus_with_its_source_and_type() {
        let (server, bus) = bus(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})).await;
        bus.put(&[event()]).await.unwrap();
        let [request] = server.requests().try_into().unwrap();
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let entry = &body["Entries"][0];
        assert_eq!(
            [&entry["EventBusName"], &entry["Source"], &entry["DetailType"]],
            ["default", "cognito-backup", "Restore Ended"]
        );
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        assert_eq!((&detail["table"], &detail["error"]), (&json!("t"), &json!("PoolNotFound")));
    }

    #[tokio::test]
    async fn only_a_refused_event_is_put_again() {
        let (server, bus) = bus(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "2"}]})).await;
        let one_refused = json!({
            "FailedEntryCount": 1,
            "Entries": [{"EventId": "1"}, {"ErrorCode": "InternalFailure", "ErrorMessage": "m"}],
        });
        server.answers_next([Answer { status: 200, body: one_refused.to_string() }]);
        bus.put(&[event(), event()]).await.unwrap();
        let entries =
            server.requests().iter().map(|request| request.matches("DetailType").count()).collect::<Vec<_>>();
        assert_eq!(entries, [2, 1]);
    }

    #[tokio::test]
    async fn a_bus_that_does_not_answer_costs_ten_seconds() {
        // The system takes the connection, and nothing reads it.
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Server::start(Answer { status: 200, body: String::new() }).await;
        let silent = format!("http://{}", listener.local_addr().unwrap());
        let config = server.config().into_builder().endpoint_url(silent).build();
        let bus = EventBus::new(EventBus::client(&config));
        let began = std::time::Instant::now();
        let error = bus.put(&[event(), event()]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CallRefused);
        assert!(
            error.message().starts_with("2 of the events") && error.message().contains("(Timeout)"),
            "{error}"
        );
        // The client alone would wait for 20 seconds.
        assert!((10..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn an_event_that_stays_refused_is_an_error_with_its_code() {
        let refused = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]});
        let (server, bus) = bus(refused).await;
        let error = bus.put(&[event()]).await.unwrap_err();
        assert_eq!(server.requests().len(), 3);
        assert!(error.message().contains("(ThrottlingException)"), "{error}");
    }
}
