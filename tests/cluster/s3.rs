//! The S3-compatible server that the tests use: one that `TIMELINE_S3` names, else one that `tests/s3/server` starts.

use std::process::Command;
use std::sync::LazyLock;

/// Variables for commands that use the bucket; `None`, said in one line, where there is no server to be had.
pub(crate) fn variables() -> Option<&'static [(String, String)]> {
    static FOUND: LazyLock<Result<Vec<(String, String)>, String>> = LazyLock::new(find);
    match &*FOUND {
        Ok(variables) => Some(variables),
        Err(why) => {
            let has_go = Command::new("go").arg("version").output().is_ok_and(|output| output.status.success());
            assert!(std::env::var("CI").as_deref() != Ok("true") || !has_go, "the S3 tests must run here: {why}");
            eprintln!("the S3 tests were not run: {why}");
            None
        }
    }
}

/// A place in the bucket that no other run uses.
pub(crate) fn place(test: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let bucket = std::env::var("TIMELINE_S3").unwrap_or_else(|_| "http://server/timeline".into());
    format!("s3://{}/{test}-{now}-{}", bucket.rsplit('/').next().unwrap(), std::process::id())
}

fn find() -> Result<Vec<(String, String)>, String> {
    if std::env::var("TIMELINE_S3").is_ok() {
        return Ok(std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect());
    }
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/s3/server");
    let output = Command::new(server)
        .arg("start")
        .arg(std::process::id().to_string())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let variables = said.split_whitespace().filter_map(|word| word.split_once('='));
    Ok(variables.filter(|(name, _)| name.starts_with("AWS_")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
}
