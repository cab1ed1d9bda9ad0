//! `pulsar://HOST:PORT/TOPIC`: where a broker is, and which topic is meant.

use std::fmt;
use std::str::FromStr;

/// A broker and a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// `pulsar://HOST:PORT`, or `pulsar+ssl://HOST:PORT`.
    pub broker: String,
    /// In full: `persistent://TENANT/NAMESPACE/TOPIC`.
    pub topic: String,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins otherwise.
    #[error("an address of Pulsar begins with pulsar:// or pulsar+ssl://")]
    Scheme,
    /// There is nothing between the scheme and the topic.
    #[error("there is no host: write pulsar://HOST:PORT/TOPIC")]
    Host,
    /// The port is no number.
    #[error("the port is no number: write pulsar://HOST:PORT/TOPIC")]
    Port,
    /// Not one name, and not three.
    #[error("a topic is TOPIC, or TENANT/NAMESPACE/TOPIC")]
    Topic,
}

impl Address {
    /// Whether a text is meant as an address, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("pulsar://") || text.starts_with("pulsar+ssl://")
    }

    /// The topic's last name.
    pub fn short(&self) -> &str {
        self.topic.rsplit('/').next().unwrap_or(&self.topic)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let port = match scheme {
            "pulsar" => 6650,
            "pulsar+ssl" => 6651,
            _ => return Err(AddressError::Scheme),
        };
        let (place, topic) = rest.split_once('/').ok_or(AddressError::Topic)?;
        // An IPv6 address has colons of its own, in brackets.
        let (host, given) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (place, None),
        };
        if host.is_empty() {
            return Err(AddressError::Host);
        }
        let port = given.map_or(Ok(port), |port| port.parse::<u16>().map_err(|_| AddressError::Port))?;
        let broker = format!("{scheme}://{host}:{port}");
        Ok(Address { broker, topic: full_topic(topic).ok_or(AddressError::Topic)? })
    }
}

/// The full name of a topic.
fn full_topic(text: &str) -> Option<String> {
    let text = text.strip_prefix("persistent://").unwrap_or(text);
    let names: Vec<&str> = text.split('/').collect();
    let good = |name: &&str| !name.is_empty() && !name.contains([':', '?', '#']) && !name.contains(char::is_whitespace);
    match names[..] {
        [_] | [_, _, _] if !names.iter().all(good) => None,
        [topic] => Some(format!("persistent://public/default/{topic}")),
        [tenant, namespace, topic] => Some(format!("persistent://{tenant}/{namespace}/{topic}")),
        _ => None,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = self.topic.strip_prefix("persistent://").unwrap_or(&self.topic);
        write!(f, "{}/{}", self.broker, topic.strip_prefix("public/default/").unwrap_or(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, broker, topic, shown) in [
            ("pulsar://h:1/t", "pulsar://h:1", "public/default/t", "pulsar://h:1/t"),
            ("pulsar://h/t", "pulsar://h:6650", "public/default/t", "pulsar://h:6650/t"),
            ("pulsar+ssl://h/a/b/c-d", "pulsar+ssl://h:6651", "a/b/c-d", "pulsar+ssl://h:6651/a/b/c-d"),
            ("pulsar://[::1]:9/persistent://a/b/c", "pulsar://[::1]:9", "a/b/c", "pulsar://[::1]:9/a/b/c"),
            ("pulsar://[::1]/t", "pulsar://[::1]:6650", "public/default/t", "pulsar://[::1]:6650/t"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((&*address.broker, &*address.topic), (broker, &*format!("persistent://{topic}")), "{text}");
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse(), Ok(address));
        }
        for (text, error) in [
            ("http://h/t", AddressError::Scheme),
            ("h:1/t", AddressError::Scheme),
            ("pulsar://h:1", AddressError::Topic),
            ("pulsar://h:1/", AddressError::Topic),
            ("pulsar://h:1/a/b", AddressError::Topic),
            ("pulsar://h:1/a//c", AddressError::Topic),
            ("pulsar://h:1/non-persistent://a/b/c", AddressError::Topic),
            ("pulsar:///t", AddressError::Host),
            ("pulsar://h:x/t", AddressError::Port),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
