//! Buckets that give no answer: said after a few seconds, while requests are repeated that may be, and once they answer again.
//!
//! Requests are patient, for a store that is busy is no fault; so whoever waits learns of a dead one only when all patience is
//! over. Here each request of every client of a bucket is looked at by itself, those of libraries that read it included.
//!
//! **Invariant:** nothing here changes what becomes of a request; [`super::patience`] does.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use event_feeder::world::{self, Instant};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use timeline_core::Time;

use super::patience::QUIET;
use super::store::SilentStore;
use crate::code::StateCode;

/// A request with a body may take longer by what that takes at this pace.
const BYTES_A_SECOND: u64 = 1 << 20;
/// Where clouds tell machines their credentials: it is part of no store.
const CREDENTIALS: &str = "169.254.169.254";

/// The stores that requests go to, by where they are.
static STORES: Mutex<BTreeMap<String, Arc<StoreAnswers>>> = Mutex::new(BTreeMap::new());

/// Whether a store answers.
#[derive(Debug)]
pub(super) struct StoreAnswers {
    place: String,
    known: Mutex<KnownAnswers>,
}

#[derive(Debug, Default)]
struct KnownAnswers {
    /// When it answered last.
    answered: Option<Instant>,
    silence: Option<Silence>,
}

#[derive(Debug)]
struct Silence {
    /// When the first request began that had no answer, none having come since.
    begun: Instant,
    /// The same by the clock on the wall, in nanoseconds since 1970.
    since: Time,
    /// Why there was none, as it was told last.
    error: String,
    said: bool,
}

impl StoreAnswers {
    /// Those of a place, which all its clients share.
    pub(super) fn of(place: &str) -> Arc<StoreAnswers> {
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || StoreAnswers { place: place.to_owned(), known: Mutex::default() };
        Arc::clone(stores.entry(place.to_owned()).or_insert_with(|| Arc::new(new())))
    }

    fn known(&self) -> MutexGuard<'_, KnownAnswers> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an answer, whatever it says.
    fn note_answer(&self) {
        let mut known = self.known();
        known.answered = Some(Instant::now());
        if known.silence.take().is_some_and(|silence| silence.said) {
            tracing::warn!("{} answers again", self.place);
        }
    }

    /// Notes that a request which began then has no answer.
    fn note_none(&self, begun: Instant, error: &str) {
        let mut known = self.known();
        // Others may have had answers since it began.
        let begun = known.answered.map_or(begun, |answered| answered.max(begun));
        let new = || {
            let now = world::wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
            let since = now.saturating_sub(begun.elapsed()).as_nanos();
            Silence { begun, since: Time::try_from(since).unwrap_or(Time::MAX), error: String::new(), said: false }
        };
        let silence = known.silence.get_or_insert_with(new);
        error.clone_into(&mut silence.error);
        silence.say_if_due(&self.place);
    }

    /// Notes that a request which began then has no answer yet, however often it was repeated.
    pub(super) fn note_waiting(&self, begun: Instant) {
        if begun.elapsed() < QUIET {
            return;
        }
        if let Some(silence) = &mut self.known().silence {
            silence.say_if_due(&self.place);
        }
    }

    /// How long ago it answered last; nothing if it never did.
    pub(super) fn answered_ago(&self) -> Option<Duration> {
        self.known().answered.map(|answered| answered.elapsed())
    }

    /// That it gives no answer, if that was said and it has given none since.
    pub(super) fn silence(&self) -> Option<SilentStore> {
        let known = self.known();
        let silence = known.silence.as_ref().filter(|silence| silence.said)?;
        Some(SilentStore { place: self.place.clone(), since: silence.since, error: silence.error.clone() })
    }

    /// Why a request is given up that began then.
    pub(super) fn given_up(&self, begun: Instant) -> io::Error {
        if self.known().silence.is_none() {
            self.note_none(begun, &format!("a request has had no answer for {} s", begun.elapsed().as_secs()));
        }
        let why = self.known().silence.as_ref().map(|silence| format!(": {}", silence.error)).unwrap_or_default();
        let code = StateCode::StoreSilent;
        io::Error::new(io::ErrorKind::TimedOut, format!("[{code}] {} gives no answer{why}", self.place))
    }
}

impl Silence {
    /// Says so once it has lasted.
    fn say_if_due(&mut self, place: &str) {
        if self.said || self.begun.elapsed() < QUIET {
            return;
        }
        self.said = true;
        tracing::warn!(
            "[{}] {place} gives no answer, and is asked again, with pauses, until it does: {}\n  help: {}",
            StateCode::StoreSilent,
            self.error,
            StateCode::StoreSilent.help()
        );
    }
}

/// The stores of which it was said that they give no answer, and that have given none since.
pub(super) fn all() -> Vec<SilentStore> {
    let stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    stores.values().filter_map(|answers| answers.silence()).collect()
}

/// Makes clients whose requests are looked at.
pub(super) struct WatchedConnector(pub(super) Arc<StoreAnswers>);

impl fmt::Debug for WatchedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WatchedConnector").field(&self.0.place).finish()
    }
}

impl HttpConnector for WatchedConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(WatchedClient { client, answers: Arc::clone(&self.0) }))
    }
}

#[derive(Debug)]
struct WatchedClient {
    client: HttpClient,
    answers: Arc<StoreAnswers>,
}

impl WatchedClient {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.uri().host() == Some(CREDENTIALS) {
            return self.client.execute(request).await;
        }
        let body = request.body().content_length() as u64 / BYTES_A_SECOND;
        let (begun, patience) = (Instant::now(), QUIET + Duration::from_secs(body));
        let method = request.method().to_string();
        let mut asked = pin!(self.client.execute(request));
        let result = loop {
            match tokio::time::timeout(patience, asked.as_mut()).await {
                Ok(result) => break result,
                Err(_) => {
                    let waited = begun.elapsed().as_secs();
                    self.answers.note_none(begun, &format!("a {method} has had no answer for {waited} s"));
                }
            }
        };
        match &result {
            Ok(_) => self.answers.note_answer(),
            Err(error) => self.answers.note_none(begun, &reason(error)),
        }
        result
    }
}

/// An error with what is behind it.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(behind) = source {
        let more = behind.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = behind.source();
    }
    text
}

impl HttpService for WatchedClient {
    // As `async_trait` writes it, which is not needed for one function.
    fn call<'life0, 'async_trait>(
        &'life0 self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.ask(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_silent_once_nothing_has_answered_for_a_while_and_until_something_does() {
        let place = "s3://of-this-test";
        let answers = StoreAnswers::of(place);
        let told = || all().into_iter().find(|store| store.place == place);
        let begun = Instant::now();
        answers.note_none(begun, "first");
        assert_eq!(told(), None, "it may pass");
        world::sleep(QUIET);
        // Another request was answered after this one had begun.
        answers.note_answer();
        answers.note_none(begun, "this one alone");
        assert_eq!(told(), None, "it answers others");
        world::sleep(QUIET);
        answers.note_none(begun, "second");
        let silent = told().expect("nothing was answered for so long");
        assert_eq!(silent.error, "second");
        StoreAnswers::of(place).note_none(Instant::now(), "third");
        assert_eq!(told().map(|store| (store.since, store.error)), Some((silent.since, "third".to_owned())));
        answers.note_answer();
        assert_eq!(told(), None);
    }
}
