//! Begins a run: checks it, takes the lease, writes the plan.

use shared::steps::enumerate;
use shared_aws::function::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("enumerate", |aws, event, budget| Box::pin(enumerate(aws, event, budget))).await
}
