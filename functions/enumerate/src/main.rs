//! Begins a run: checks it, takes the lease, writes the plan.

use shared::adapters::function::serve;
use shared::steps::enumerate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("enumerate", |aws, event, _| Box::pin(enumerate(aws, event))).await
}
