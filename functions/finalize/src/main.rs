//! Ends a run: seals or closes it, releases the lease, notifies the topic.

use shared::steps::finalize;
use shared_aws::function::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("finalize", |aws, event, budget| Box::pin(finalize(aws, event, budget))).await
}
