//! Tables that say more of what is to come: what asks them goes on, as if they had always said it.

use super::{Claims, MemoryPartitions, SYNC, Service, options, started, totals};
use crate::checkpoint::ProgramStore;
use crate::engine::Engine;
use crate::operators::table_address;
use crate::programs::DeployedPrograms;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use timeline_core::{SECOND, Time};

/// How long the price of the zone was 2, where the table has these rows.
fn program(rows: &str) -> String {
    let table = table_address("tariff.csv", &format!("zone,since,price\n{rows}"));
    format!(
        "source s {{ key k  time t in s  zone: string }}\n\
         table tariff from \"{table}\" {{ key zone  from since in s  price: int }}\n\
         metric m = duration_where(tariff[latest(zone)].price == 2) | aggregate(count, sum)\n"
    )
}

const FIRST: &str = "z,0,1\nz,20,2\n";

fn start(state: &Path, log: &MemoryPartitions, program: &str) -> Arc<Service> {
    started(options(state, log, Claims::All), program)
}

fn write(log: &MemoryPartitions, t: i64) {
    log.write(0, &format!(r#"{{"k":"a","t":{t},"zone":"z"}}"#));
}

/// What a deployment says.
fn deploy(service: &Service, program: &str) -> Json {
    service.deploy(vec![("p.tl".into(), program.into())], false, None).expect("it is deployed")
}

fn deployments(service: &Service) -> usize {
    service.lock().programs.deployments.len()
}

#[test]
fn rows_behind_all_that_was_asked_change_nothing_up_to_there_and_count_from_there_on() {
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start(dir.path(), &log, &program(FIRST));
    (0..=50).step_by(10).for_each(|t| write(&log, t));
    assert_eq!(totals(&service), Some((1, 30)));

    let more = program(&format!("{FIRST}z,100,1\n"));
    let planned = service.deploy(vec![("p.tl".into(), more.clone())], true, None).unwrap();
    let told = deploy(&service, &more);
    assert_eq!(told["names"][0]["what"], "unchanged", "{told}");
    let notes = "table `tariff`: `price` of `z` is 1 and was 2 from 1970-01-01T00:01:40Z on; of all that was asked so far it \
                 says the same, so what asks for it goes on";
    assert_eq!((&told["notes"], &told["replays_log"]), (&json!([notes]), &json!(false)));
    assert_eq!((&planned["notes"], deployments(&service)), (&told["notes"], 1));
    write(&log, 150);
    assert_eq!(totals(&service), Some((1, 80)));
    // The same file again is nothing new, and more of it is carried on too.
    assert_eq!(deploy(&service, &more)["notes"], json!([]));
    let most = program(&format!("{FIRST}z,100,1\nz,200,2\n"));
    assert_eq!(deploy(&service, &most)["names"][0]["what"], "unchanged");
    service.stop();

    let service = start(dir.path(), &log, &most);
    write(&log, 250);
    assert_eq!((totals(&service), deployments(&service)), (Some((1, 130)), 1));
    service.stop();
    // A start names the newest file as well as a deployment does.
    let last = program(&format!("{FIRST}z,100,1\nz,200,2\nz,300,1\n"));
    let service = start(dir.path(), &log, &last);
    write(&log, 350);
    assert_eq!((totals(&service), deployments(&service)), (Some((1, 180)), 1));

    let other = program("z,0,1\nz,20,3\nz,100,1\nz,200,2\nz,300,1\n");
    assert_eq!(deploy(&service, &other)["names"][0]["what"], "replaced");
    service.settle();
    assert_eq!(totals(&service), Some((1, 100)));
    service.stop();
    // What all of it comes to where nothing was ever deployed before.
    let (fresh, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    (0..=50).step_by(10).chain((150..=350).step_by(100)).for_each(|t| write(&log, t));
    let service = start(fresh.path(), &log, &last);
    assert_eq!(totals(&service), Some((1, 180)));
    service.stop();
}

#[test]
fn a_state_that_asked_beyond_the_first_difference_is_not_gone_on_from() {
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start(dir.path(), &log, &program(FIRST));
    [0, 50, 150].into_iter().for_each(|t| write(&log, t));
    assert_eq!(totals(&service), Some((1, 130)));
    service.stop();
    // As if the partition had read on between the look at what it had asked and the change.
    let store = ProgramStore::of(&dir.path().to_owned().into(), "other");
    let before = DeployedPrograms::load(&store).unwrap();
    let texts = [("p.tl".to_owned(), program(&format!("{FIRST}z,100,1\n")))];
    let (mut after, _) = before.carrying(&texts, &|_| Some(50 * SECOND)).unwrap();
    assert_eq!(after.renewed(&before).unwrap().len(), 1);
    after.store(&store).unwrap();
    let service = Service::start(options(dir.path(), &log, Claims::All), &[]).unwrap().0;
    assert_eq!(totals(&service), Some((1, 80)), "it is read again");
    service.stop();
}

#[test]
fn what_says_something_else_of_an_instant_that_was_asked_is_another_table() {
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start(dir.path(), &log, &program(FIRST));
    write(&log, 50);
    assert_eq!(service.snapshot(&["partitions".into()], SYNC).unwrap().tables.len(), 1);
    service.stop();
    let store = ProgramStore::of(&dir.path().to_owned().into(), "other");
    let before = DeployedPrograms::load(&store).unwrap();
    let carried = |rows: &str, asked: Option<Time>| {
        let texts = [("p.tl".to_owned(), program(rows))];
        let (after, _) = before.carrying(&texts, &|_| asked).unwrap();
        !after.renewed(&before).unwrap().is_empty()
    };
    let more = format!("{FIRST}z,100,1\n");
    let at = |t: Time| Some(t * SECOND);
    let found: BTreeMap<&str, bool> = [
        ("later", carried(&more, at(99))),
        ("at once", carried(&more, at(100))),
        ("unknown", carried(&more, None)),
        ("another zone", carried(&format!("{FIRST}y,100,1\n"), at(99))),
        ("of all times", carried(&format!("{FIRST}y,,1\n"), at(99))),
        ("gone", carried("z,0,1\n", at(99))),
        ("the same", carried(FIRST, at(99))),
    ]
    .into();
    let is = |name: &str| matches!(name, "later" | "another zone");
    assert!(found.iter().all(|(name, carried)| is(name) == *carried), "{found:?}");
}
