//! A broker for the tests: one that runs already, or one of their own.
//!
//! `TIMELINE_PULSAR` and `TIMELINE_PULSAR_ADMIN` name one that runs (`pulsar://HOST:PORT`, `http://HOST:PORT`). Without them
//! `tests/pulsar/broker` starts one, which ends with the tests. Where neither can be had, the tests are not run, and say so in
//! one line; with `CI=true` that is a failure.

use event_feeder::pulsar::{BrokerSettings, Client, PublishOptions, Subscription, TopicPublisher};
use event_feeder::{AcceptGaps, Position, Source};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A broker at work. Who has it, has it alone.
pub(crate) struct Broker {
    pub(crate) url: String,
    pub(crate) admin: String,
    /// Where it lives, if it is ours to kill.
    folder: Option<PathBuf>,
    _alone: MutexGuard<'static, ()>,
}

type Place = (String, String, Option<PathBuf>);

/// The broker; `None` where there is none to be had.
pub(crate) fn broker() -> Option<Broker> {
    static PLACE: OnceLock<Result<Place, String>> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    match PLACE.get_or_init(find) {
        Ok((url, admin, folder)) => {
            Some(Broker { url: url.clone(), admin: admin.clone(), folder: folder.clone(), _alone })
        }
        Err(reason) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no broker: {reason}"),
        Err(reason) => {
            static SAID: OnceLock<()> = OnceLock::new();
            SAID.get_or_init(|| {
                // Past the test harness, which hides what tests that pass have said.
                let _ = writeln!(std::io::stderr(), "the Pulsar tests were not run: {reason}");
            });
            None
        }
    }
}

fn find() -> Result<Place, String> {
    if let Ok(url) = std::env::var("TIMELINE_PULSAR") {
        let admin = std::env::var("TIMELINE_PULSAR_ADMIN").unwrap_or_else(|_| "http://127.0.0.1:8080".into());
        return Ok((url, admin, None));
    }
    let folder = std::env::temp_dir().join(format!("timeline-broker-{}", std::process::id()));
    // Ledgers of a few entries, so that positions go from ledger to ledger all the time; kept whoever has read them.
    let rolling = "managedLedgerMaxEntriesPerLedger=50\nmanagedLedgerMinLedgerRolloverTimeMinutes=0\n\
                   defaultRetentionTimeInMinutes=-1\ndefaultRetentionSizeInMB=-1";
    let line = script("start", &folder, &[("PULSAR_CONF", rolling)])?;
    let (url, admin) = line.trim().split_once(' ').ok_or("the script printed no addresses")?;
    Ok((url.into(), admin.into(), Some(folder)))
}

/// The broker, if it is one of our own, with ledgers of 50 entries that are kept unless a topic says otherwise.
pub(crate) fn rolling_broker() -> Option<Broker> {
    let broker = broker()?;
    if !broker.is_ours() {
        let _ = writeln!(std::io::stderr(), "a Pulsar test was not run: it needs a broker that the tests start");
        return None;
    }
    Some(broker)
}

/// Another broker, with a configuration of its own; `None` where none can be started. It ends with its value.
pub(crate) fn own_broker(name: &str, configuration: &str) -> Option<Broker> {
    let folder = std::env::temp_dir().join(format!("timeline-broker-{name}-{}", std::process::id()));
    match script("start", &folder, &[("PULSAR_CONF", configuration)]) {
        Ok(line) => {
            let (url, admin) = line.trim().split_once(' ').expect("the script prints two addresses");
            let _alone = OWN.lock().unwrap_or_else(PoisonError::into_inner);
            Some(Broker { url: url.into(), admin: admin.into(), folder: Some(folder), _alone })
        }
        Err(reason) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no broker: {reason}"),
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "a Pulsar test was not run: {reason}");
            None
        }
    }
}

static OWN: Mutex<()> = Mutex::new(());

fn script(verb: &str, folder: &PathBuf, variables: &[(&str, &str)]) -> Result<String, String> {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pulsar/broker"));
    command.arg(verb).arg(folder).arg(std::process::id().to_string()).envs(variables.iter().copied());
    let out = command.output().map_err(|error| error.to_string())?;
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or("it does not start").to_owned()),
    }
}

impl Broker {
    /// Whether it can be killed.
    pub(crate) fn is_ours(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) fn kill(&self) {
        script("kill", self.folder.as_ref().unwrap(), &[]).unwrap();
    }

    pub(crate) fn start(&self) {
        script("start", self.folder.as_ref().unwrap(), &[]).unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(BrokerSettings { broker: self.url.clone(), ..BrokerSettings::default() }).unwrap()
    }

    /// A topic that no other run has, with so many partitions; 0 is a plain one.
    pub(crate) fn topic(&self, name: &str, partitions: u32) -> String {
        let nanoseconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("{name}-{}-{nanoseconds}", std::process::id());
        if partitions > 0 {
            self.put(&format!("{name}/partitions"), &partitions.to_string());
        } else {
            self.put(&name, "");
        }
        format!("persistent://public/default/{name}")
    }

    fn admin_url(&self, topic: &str, what: &str) -> String {
        let name = topic.strip_prefix("persistent://public/default/").unwrap_or(topic);
        format!("{}/admin/v2/persistent/public/default/{name}{what}", self.admin)
    }

    fn put(&self, path: &str, body: &str) {
        let began = Instant::now();
        loop {
            let request = ureq::put(self.admin_url(path, "")).header("content-type", "application/json");
            match request.send(body) {
                Ok(_) => return,
                // A broker that has just come back may not have its storage yet.
                Err(ureq::Error::StatusCode(500..)) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                Err(error) => panic!("{path}: {error}"),
            }
        }
    }

    /// Lets the broker give a topic up and take it again.
    pub(crate) fn unload(&self, topic: &str) {
        ureq::put(self.admin_url(topic, "/unload")).send_empty().unwrap();
    }

    /// The first entry that a subscription has not acknowledged.
    pub(crate) fn cursor(&self, topic: &str, subscription: &str) -> Position {
        let mut answer = ureq::get(self.admin_url(topic, "/internalStats")).call().unwrap();
        let stats: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let place = stats["cursors"][subscription]["markDeletePosition"].as_str().unwrap();
        let (ledger, entry) = place.split_once(':').unwrap();
        Position::at(ledger.parse().unwrap(), (entry.parse::<i64>().unwrap() + 1) as u64)
    }

    /// The subscriptions that a topic has, by name.
    pub(crate) fn subscriptions(&self, topic: &str) -> Vec<String> {
        let mut answer = ureq::get(self.admin_url(topic, "/subscriptions")).call().unwrap();
        let mut all: Vec<String> = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        all.sort();
        all
    }

    /// Gives a topic more partitions.
    pub(crate) fn grow(&self, topic: &str, partitions: u32) {
        let request = ureq::post(self.admin_url(topic, "/partitions")).header("content-type", "application/json");
        request.send(partitions.to_string()).unwrap();
    }

    /// Deletes all ledgers that no subscription needs and no retention keeps.
    pub(crate) fn trim(&self, topic: &str) {
        ureq::post(self.admin_url(topic, "/trim")).send_empty().unwrap();
    }

    /// Sets how long messages that were acknowledged are kept: 0 is not at all.
    pub(crate) fn retain(&self, topic: &str, minutes: i32) {
        let body = format!("{{\"retentionTimeInMinutes\":{minutes},\"retentionSizeInMB\":{minutes}}}");
        let request = ureq::post(self.admin_url(topic, "/retention")).header("content-type", "application/json");
        request.send(body).unwrap();
    }

    /// Lets a subscription skip everything, as an expiry of messages or a person would.
    pub(crate) fn skip_all(&self, topic: &str, subscription: &str) {
        let what = format!("/subscription/{subscription}/skip_all");
        ureq::post(self.admin_url(topic, &what)).send_empty().unwrap();
    }

    /// The ledgers that a topic has.
    pub(crate) fn ledgers(&self, topic: &str) -> Vec<u64> {
        let mut answer = ureq::get(self.admin_url(topic, "/internalStats")).call().unwrap();
        let stats: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        stats["ledgers"].as_array().unwrap().iter().map(|ledger| ledger["ledgerId"].as_u64().unwrap()).collect()
    }

    pub(crate) fn publisher(&self, topic: &str, batch: u32) -> TopicPublisher {
        let publishing = PublishOptions { batch, ..PublishOptions::default() };
        TopicPublisher::open(&self.client(), topic, &publishing).unwrap()
    }

    /// A source that reads on after a position.
    pub(crate) fn source(&self, topic: &str, subscription: &str, after: Position) -> Box<dyn Source> {
        let (topic, name) = (topic.to_owned(), subscription.to_owned());
        let subscription = Subscription { topic, name, after, queue: 1000, accept: AcceptGaps::None };
        let began = Instant::now();
        loop {
            match self.client().subscribe(subscription.clone()) {
                Ok(source) => return Box::new(source),
                // The broker takes a moment to see that the last one has gone.
                Err(error) if began.elapsed() > PATIENCE => panic!("{error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}
