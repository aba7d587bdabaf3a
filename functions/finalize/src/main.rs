//! Ends a run: seals or closes it, gives the lease back, tells the topic.

use shared::adapters::function::serve;
use shared::steps::finalize;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("finalize", |aws, event, budget| Box::pin(finalize(aws, event, budget))).await
}
