//! A [`Store`] in a bucket of an S3-compatible object store. The only module that names `object_store`.
//!
//! The protocol is the one of the local directory, unchanged: a head is made by a conditional write (`If-None-Match: *`),
//! and whatever the store answered, only what is read back afterwards counts.
//!
//! There are two clients, one that repeats requests by itself and one that never does. Reading, listing, deleting and
//! writing names that nobody else writes may be repeated, and are, with a backoff. **Invariant:** a
//! [`create`](Store::create) whose effect is unclear is never repeated, for it could take effect twice, once on each side
//! of a deletion (see [`super::protocol`]).
//!
//! That a bucket gives no answer at all is said long before a request's own patience ends ([`super::silence`]), and whoever
//! waits for somebody does not wait for that either ([`super::patience`]).

use event_feeder::world::Instant;
use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;

use super::patience::RequestPatience;
use super::silence::{StoreAnswers, WatchedConnector};
use super::store::{Creation, ListingEntry, SilentStore, Store, StoreError};

/// How long one request may take; what takes longer has no answer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// How often and how long what may be repeated is.
const RETRIES: RetryConfig = RetryConfig {
    backoff: object_store::BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(5),
        base: 2.0,
    },
    max_retries: 20,
    retry_timeout: Duration::from_secs(60),
};
/// How often a write is tried: a file that nobody else writes whatever happens, a create only while the bucket answers
/// that it is busy and has done nothing.
const ATTEMPTS: u32 = 12;
/// Time between two looks whether a request is given up.
const LOOK: Duration = Duration::from_millis(50);

/// The library is asynchronous and the checkpoints are not: its requests run on threads of their own.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("bucket").enable_all().build()
});

/// A bucket, and a prefix in it.
#[derive(Clone)]
pub struct BucketStore {
    repeating: Arc<AmazonS3>,
    once: Arc<AmazonS3>,
    /// Whether it answers.
    answers: Arc<StoreAnswers>,
    name: String,
    prefix: String,
}

impl BucketStore {
    /// The bucket and prefix of `s3://BUCKET/PREFIX`, with endpoint, region and credentials of the `AWS_...` variables.
    ///
    /// # Errors
    ///
    /// Why it cannot be used as it was named.
    pub(super) fn parse(url: &str) -> Result<BucketStore, String> {
        BucketStore::at(url, None)
    }

    /// The same, at another address of the server.
    pub(super) fn at(url: &str, endpoint: Option<&str>) -> Result<BucketStore, String> {
        let wrong = |reason: &str| reason.to_owned();
        let place = url.strip_prefix("s3://").ok_or_else(|| wrong("write s3://BUCKET/PREFIX"))?;
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_end_matches('/');
        if name.is_empty() {
            return Err(wrong("it names no bucket; write s3://BUCKET/PREFIX"));
        }
        if prefix.split('/').any(|part| part.is_empty() && !prefix.is_empty()) {
            return Err(wrong("its prefix has a part without a name; write s3://BUCKET/PREFIX"));
        }
        if Path::from(prefix).as_ref() != prefix {
            return Err(wrong("the prefix has characters that names of objects do not keep"));
        }
        let builder = || {
            let builder = AmazonS3Builder::from_env().with_bucket_name(name);
            endpoint.into_iter().fold(builder, AmazonS3Builder::with_endpoint)
        };
        let endpoint = builder().get_config_value(&AmazonS3ConfigKey::Endpoint);
        // A local server is reached by its address, which says by itself whether it is encrypted.
        let is_plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let place = endpoint.map_or_else(|| format!("s3://{name}"), |at| format!("s3://{name} at {at}"));
        let answers = StoreAnswers::of(&place);
        let client = |retries| {
            let watched = WatchedConnector(Arc::clone(&answers));
            let options = ClientOptions::new().with_timeout(REQUEST_TIME_MAX).with_allow_http(is_plain);
            builder().with_retry(retries).with_client_options(options).with_http_connector(watched).build()
        };
        let failed = |error: object_store::Error| error.to_string();
        let once = Arc::new(client(RetryConfig { max_retries: 0, ..RETRIES }).map_err(failed)?);
        let repeating = Arc::new(client(RETRIES).map_err(failed)?);
        Ok(BucketStore { repeating, once, answers, name: name.into(), prefix: prefix.into() })
    }

    /// The same bucket with a longer prefix.
    pub(super) fn inside(&self, folder: &str) -> BucketStore {
        BucketStore { prefix: self.whole(folder), ..self.clone() }
    }

    /// Asks it for anything, once, and waits so long.
    ///
    /// # Errors
    ///
    /// That there was no answer, or that it refuses who asks.
    pub(super) fn answers(&self, limit: Duration) -> Result<(), StoreError> {
        let (store, path) = (self.once.clone(), self.path("history.json"));
        let asked = self.wait(async move { tokio::time::timeout(limit, store.head(&path)).await });
        match asked.map_err(|error| self.failed("reach", "", error))? {
            Ok(Ok(_) | Err(object_store::Error::NotFound { .. })) => Ok(()),
            Ok(Err(error)) => Err(self.refused("reach", "", error)),
            Err(_) => {
                let none = format!("it gave no answer within {} s", limit.as_secs_f64());
                Err(self.failed("reach", "", io::Error::new(io::ErrorKind::TimedOut, none)))
            }
        }
    }

    /// The whole bucket, for a library that reads and writes objects itself.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.repeating) as Arc<dyn ObjectStore>
    }

    fn whole(&self, name: &str) -> String {
        match (self.prefix.as_str(), name) {
            ("", name) => name.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, name) => format!("{prefix}/{name}"),
        }
    }

    fn path(&self, name: &str) -> Path {
        Path::from(self.whole(name))
    }

    /// One request to make an object, after a pause that grows with the attempts before it.
    fn try_to_make(&self, name: &str, bytes: &[u8], attempt: u32) -> io::Result<object_store::Result<()>> {
        let (store, path) = (self.once.clone(), self.path(name));
        let payload = PutPayload::from_bytes(Bytes::copy_from_slice(bytes));
        self.wait(async move {
            tokio::time::sleep(pause(attempt)).await;
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            store.put_opts(&path, payload, options).await.map(|_| ())
        })
    }

    /// Runs a request to its end, whatever thread this is, or until it is given up ([`super::patience`]). The outer error: it
    /// was, or there are no threads for it.
    fn wait<T: Send + 'static>(&self, request: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        let runtime = RUNTIME.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        let (done, result) = mpsc::sync_channel(1);
        let (patience, answers) = (RequestPatience::begin(), Arc::clone(&self.answers));
        runtime.spawn(async move {
            // Whoever waits does not go away.
            let _ = done.send(unless_given_up(request, patience, &answers).await);
        });
        result.recv().map_err(|_| io::Error::other("the request panicked"))?
    }

    /// A request that the bucket refused or did not answer; its kind says whether another try may help.
    fn refused(&self, action: &'static str, name: &str, error: object_store::Error) -> StoreError {
        let kind = match (refusal(&error), &error) {
            (_, object_store::Error::NotFound { .. }) => io::ErrorKind::NotFound,
            (CreateRefusal::Never, _) => io::ErrorKind::PermissionDenied,
            _ => return self.failed(action, name, error),
        };
        self.failed(action, name, io::Error::new(kind, error))
    }

    fn failed(&self, action: &'static str, name: &str, source: impl Into<io::Error>) -> StoreError {
        let name = format!("s3://{}/{}", self.name, self.whole(name));
        StoreError { action, name, source: source.into() }
    }
}

impl fmt::Display for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Store for BucketStore {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut unclear = None;
        for attempt in 0..ATTEMPTS {
            match self.try_to_make(name, bytes, attempt).map_err(|error| self.failed("write", name, error))? {
                Ok(()) => return Ok(()),
                Err(error) => match refusal(&error) {
                    // A repeated request finds what an earlier one made.
                    CreateRefusal::Exists => match self.read(name)? {
                        Some(found) if found == bytes => return Ok(()),
                        _ => return Err(self.failed("write", name, io::Error::from(io::ErrorKind::AlreadyExists))),
                    },
                    CreateRefusal::Busy | CreateRefusal::Unclear => unclear = Some(error),
                    CreateRefusal::Never => return Err(self.refused("write", name, error)),
                },
            }
        }
        let last = unclear.map_or_else(|| io::Error::from(io::ErrorKind::TimedOut), Into::into);
        Err(self.failed("write", name, last))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        for attempt in 0..ATTEMPTS {
            match self.try_to_make(name, bytes, attempt).map_err(|error| self.failed("create", name, error))? {
                Ok(()) => return Ok(Creation::Created),
                Err(error) => match refusal(&error) {
                    CreateRefusal::Exists => return Ok(Creation::Exists),
                    CreateRefusal::Busy => tracing::debug!(name, %error, "the bucket is busy"),
                    CreateRefusal::Unclear => {
                        tracing::warn!(name, %error, "no clear answer from the bucket");
                        return Ok(Creation::Unclear);
                    }
                    CreateRefusal::Never => return Err(self.refused("create", name, error)),
                },
            }
        }
        Ok(Creation::Unclear)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (store, path) = (self.repeating.clone(), self.path(name));
        let bytes = self.wait(retry(move || {
            let (store, path) = (store.clone(), path.clone());
            async move { store.get(&path).await?.bytes().await }
        }));
        match bytes.map_err(|error| self.failed("read", name, error))? {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.refused("read", name, error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<ListingEntry>, StoreError> {
        let (store, path) = (self.repeating.clone(), self.path(folder));
        let whole = format!("{path}/");
        let listed = self.wait(retry(move || {
            let (store, path) = (store.clone(), path.clone());
            async move {
                let mut found = store.list(Some(&path));
                let mut entries = vec![];
                while let Some(object) = found.next().await {
                    entries.push(object?);
                }
                Ok::<_, object_store::Error>(entries)
            }
        }));
        let objects =
            listed.map_err(|error| self.failed("list", folder, error))?.map_err(|e| self.refused("list", folder, e))?;
        let entry = |object: object_store::ObjectMeta| {
            // What lies deeper is in another folder.
            let base = object.location.as_ref().strip_prefix(&whole).filter(|base| !base.contains('/'))?;
            Some(ListingEntry { name: format!("{folder}/{base}"), length: object.size })
        };
        let mut entries: Vec<ListingEntry> = objects.into_iter().filter_map(entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn silence(&self) -> Option<SilentStore> {
        self.answers.silence()
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        let (store, path) = (self.repeating.clone(), self.path(name));
        let deleted = self.wait(async move { store.delete(&path).await });
        match deleted.map_err(|error| self.failed("delete", name, error))? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.refused("delete", name, error)),
        }
    }
}

/// Asks again for what may be asked again, where an answer broke off: the library repeats a request only until its answer
/// begins.
async fn retry<T, F: Future<Output = object_store::Result<T>>>(ask: impl Fn() -> F) -> object_store::Result<T> {
    let begun = Instant::now();
    let mut attempt = 0;
    loop {
        let result = ask().await;
        attempt += 1;
        let may_pass = attempt < ATTEMPTS && begun.elapsed() < RETRIES.retry_timeout;
        match result {
            Err(error) if may_pass && matches!(refusal(&error), CreateRefusal::Busy | CreateRefusal::Unclear) => {
                tracing::debug!(%error, "the bucket's answer broke off");
                tokio::time::sleep(pause(attempt)).await;
            }
            result => return result,
        }
    }
}

/// The pause before an attempt that so many came before.
fn pause(attempt: u32) -> Duration {
    Duration::from_millis(if attempt == 0 { 0 } else { 25 << attempt.min(7) })
}

/// What a failed create says about the object.
enum CreateRefusal {
    /// There is one.
    Exists,
    /// Nothing was done, and another try may do it.
    Busy,
    /// It may be there, or come to be.
    Unclear,
    /// It was refused for good.
    Never,
}

fn refusal(error: &object_store::Error) -> CreateRefusal {
    use object_store::Error as E;
    match error {
        // The library says the same of two answers. Only 412 says that there is one; 409 is another request under way.
        E::AlreadyExists { source, .. } if source.to_string().contains("409 Conflict") => CreateRefusal::Busy,
        E::AlreadyExists { .. } => CreateRefusal::Exists,
        E::Generic { source, .. } if is_busy(&source.to_string()) => CreateRefusal::Busy,
        E::Generic { source, .. } if is_refused(&source.to_string()) => CreateRefusal::Never,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } | E::NotFound { .. } => CreateRefusal::Never,
        E::InvalidPath { .. } | E::NotSupported { .. } | E::NotImplemented { .. } => CreateRefusal::Never,
        E::UnknownConfigurationKey { .. } => CreateRefusal::Never,
        _ => CreateRefusal::Unclear,
    }
}

/// Whether an answer says that the request was turned away before it did anything.
fn is_busy(answer: &str) -> bool {
    answer.contains("429 Too Many Requests") || answer.contains("503") && answer.contains("SlowDown")
}

/// Whether an answer says that there is no such bucket, or that it is not ours.
fn is_refused(answer: &str) -> bool {
    ["NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"].iter().any(|no| answer.contains(no))
}

/// What comes of a request, unless it is given up first.
async fn unless_given_up<T>(
    request: impl Future<Output = T>,
    patience: RequestPatience,
    answers: &StoreAnswers,
) -> io::Result<T> {
    let mut request = pin!(request);
    loop {
        if let Ok(result) = tokio::time::timeout(LOOK, request.as_mut()).await {
            return Ok(result);
        }
        answers.note_waiting(patience.begun());
        if patience.is_over(answers.answered_ago(), answers.silence().is_some()) {
            return Err(answers.given_up(patience.begun()));
        }
    }
}
