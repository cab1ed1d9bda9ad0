//! The chart for Helm: `docker/kubernetes/timeline.yaml` is what it makes of its own values, what it gives `serve` is what
//! `serve` takes, and values that make no sense are refused. Where there is no `helm`, on the path or where TIMELINE_HELM
//! says, only the file is looked at. `UPDATE=1 cargo test docs` writes the file anew.

use super::compose::commands;
use super::{check, root};
use crate::cli::{Run, Sandbox, finish};
use std::process::{Command, Stdio};

const CHART: &str = "docker/helm/timeline";
const FILE: &str = "docker/kubernetes/timeline.yaml";

/// Values that are taken, and a line that they make.
const TAKEN: &[(&str, &str)] = &[
    ("listen: { pg: 5432, flight: 5433 }\ntls: { secret: cert }", "- { name: flight, containerPort: 5433 }"),
    ("state: volume\nreplicas: 1", "requests: { storage: 10Gi }"),
    ("state: volume\nreplicas: 1\nvolume: { existingClaim: mine }", "persistentVolumeClaim: { claimName: mine }"),
    ("sources: [\"a=pulsar://p:6650/a,b\", \"b=file:/logs/*.ndjson\"]", "- a=pulsar://p:6650/a,b"),
    ("programs: { b.tl: 'metric b = 1', a.tl: 'metric a = 1', t.csv: 'zone' }", "- /etc/timeline/b.tl"),
    ("tokens: |\n  # who\n  reader grafana x\n  deployer ci y", "deployer ci y"),
    ("tokensFrom: { secret: mine }", "secretName: mine"),
    ("bucket: { endpoint: 'http://minio:9000' }", "- { name: AWS_ENDPOINT, value: \"http://minio:9000\" }"),
    ("serviceAccount: { create: true, annotations: { role: r } }", "serviceAccountName: timeline"),
    ("serviceMonitor: { enabled: true, labels: { release: p } }", "kind: ServiceMonitor"),
    ("extraArgs: [--keep=48h, --threads=2]", "- --keep=48h"),
    ("nodeSelector: { disk: ssd }\ntolerations: [{ key: only, operator: Exists }]", "- key: only"),
];

/// Values that are refused, and what is said of them.
const REFUSED: &[(&str, &str)] = &[
    ("sorces: []", "sorces"),
    ("sources: []", "sources"),
    ("sources: [player]", "sources: player is no source"),
    ("state: /state", "state: /state is no place"),
    ("replicas: two", "replicas"),
    ("listen: { postgres: 5432 }", "postgres"),
    ("listen: { pg: '5432' }", "pg"),
    ("programs: { a/b.tl: x }", "a/b.tl"),
    ("state: volume", "replicas: 2 processors cannot share a volume"),
    ("tokensFrom: { secret: '' }", "tokens: others reach these processors"),
    ("listen: { pg: 7171 }", "listen: two listeners have one port"),
    ("extraArgs: [--state=x]", "extraArgs: --state=x is said by a value of the chart"),
    ("programs: { a.txt: x }", "programs: none of these files is a program"),
    ("tokens: 'reader a x'\nserviceMonitor: { enabled: true }", "serviceMonitor.tokenFrom.secret: scrapes show one"),
];

/// What `helm` does with values; nothing where there is none.
fn helm(args: &[&str], values: &str) -> Option<Run> {
    let program = std::env::var_os("TIMELINE_HELM").unwrap_or_else(|| "helm".into());
    let has = Command::new(&program).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        eprintln!("a test of the chart was not run: there is no helm");
        return None;
    }
    let sandbox = Sandbox::new();
    let file = sandbox.file("values.yaml", values);
    let mut command = Command::new(&program);
    Some(finish(command.args(args).arg("--values").arg(file).current_dir(root())))
}

fn render(values: &str) -> Option<Run> {
    helm(&["template", "timeline", CHART], values)
}

/// Holds flags and variables of a rendering to the command line.
#[track_caller]
fn serves(yaml: &str) {
    let sandbox = Sandbox::new();
    let commands = commands(yaml);
    assert_eq!(commands.len(), 1, "{commands:?}");
    let mut args: Vec<&str> = commands[0].iter().map(String::as_str).collect();
    args.push("--help");
    let run = sandbox.run(&args);
    assert_eq!(run.code, 0, "{commands:?}: {}", run.stderr);
    // The help breaks its lines where it likes.
    let help = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = yaml.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    let variables: Vec<&str> = words.filter(|word| word.starts_with("TIMELINE_")).collect();
    assert!(variables.contains(&"TIMELINE_ADVERTISE"), "{variables:?}");
    for variable in variables {
        assert!(help.contains(&format!("[env: {variable}=")), "{variable} is no variable of `serve`");
    }
}

#[test]
fn the_file_for_kubernetes_is_what_the_chart_makes() {
    let file = std::fs::read_to_string(root().join(FILE)).unwrap();
    serves(&file);
    let (head, _) = file.split_once("---\n").expect("a head of comments");
    let Some(run) = render("") else { return };
    assert_eq!(run.code, 0, "{}", run.stderr);
    // Helm 4 leaves a line free where Helm 3 leaves none.
    check(FILE, &format!("{head}{}", run.stdout.replace("\n\n---\n", "\n---\n")));
}

#[test]
fn the_chart_is_for_this_version() {
    let chart = std::fs::read_to_string(root().join(CHART).join("Chart.yaml")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for line in [format!("version: {version}"), format!("appVersion: \"{version}\"")] {
        assert!(chart.lines().any(|there| there == line), "{line}: {chart}");
    }
}

#[test]
fn values_that_people_take_make_what_serve_takes() {
    for (values, line) in TAKEN {
        let Some(run) = helm(&["lint", "--strict", CHART], values) else { return };
        assert_eq!(run.code, 0, "{values}: {}{}", run.stdout, run.stderr);
        let run = render(values).expect("helm was there");
        assert_eq!(run.code, 0, "{values}: {}", run.stderr);
        assert!(run.stdout.lines().any(|there| there.trim() == *line), "{values}: no `{line}` in\n{}", run.stdout);
        serves(&run.stdout);
    }
}

#[test]
fn the_values_on_the_page_are_taken() {
    let page = std::fs::read_to_string(root().join("docs/kubernetes.md")).unwrap();
    let values = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("values");
    let Some(run) = render(values) else { return };
    assert_eq!(run.code, 0, "{}", run.stderr);
    serves(&run.stdout);
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (values, said) in REFUSED {
        let Some(run) = render(values) else { return };
        assert!(run.code != 0 && run.stderr.contains(*said), "{values}: {run:?}");
    }
}
