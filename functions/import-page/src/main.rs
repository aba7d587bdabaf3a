//! Restores the next pages of a snapshot.

use shared::adapters::function::serve;
use shared::steps::import_pages;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("import-page", |aws, event, budget| Box::pin(import_pages(aws, event, budget))).await
}
