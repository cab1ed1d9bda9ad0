//! What processes of this machine cost, out of `/proc`.

use std::fs;

/// The CPU time of a process, all its threads, in seconds; of this one if none is named. `None` where there is no `/proc`.
pub(super) fn cpu(process: Option<u32>) -> Option<f64> {
    let name = process.map_or_else(|| "self".to_owned(), |id| id.to_string());
    let stat = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
    // After the name, which is in parentheses and may hold anything: state, ten numbers, then user and system time.
    let times: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).collect();
    // Linux counts in hundredths of a second for all programs, whatever its own clock does.
    Some(times.iter().filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

/// The process of this machine that listens on a port; `None` if it is none that we may look at.
pub(super) fn listening(port: u16) -> Option<u32> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(|line| socket(line, port)).collect::<Vec<_>>())
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find(|id| {
        let files = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| sockets.iter().any(|s| link.as_os_str() == &**s))
    })
}

/// The socket of a line of the table of connections, if it listens on a port.
fn socket(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let local = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
    // 0A is "listens".
    (local == port && *fields.get(3)? == "0A").then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if fs::read_to_string("/proc/net/tcp").is_ok() {
            assert_eq!(listening(port), Some(std::process::id()));
            assert!(cpu(None).is_some() && cpu(listening(port)).is_some());
        }
    }
}
