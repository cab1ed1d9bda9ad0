//! Card payments: what terminals report, and which cards were in two cities at once.

mod machine;
mod script;

pub(crate) use script::{Cards, SPREAD_MS};

use crate::text::{push_decimal, push_padded};

/// One use of a card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Payment {
    /// Number of the card.
    pub card: u32,
    /// Cents.
    pub amount: u32,
    /// Where the terminal stands.
    pub city: &'static City,
    /// Number of the terminal; `None` if it did not say.
    pub terminal: Option<u16>,
}

/// A city with terminals.
#[derive(Debug, PartialEq)]
pub struct City {
    /// Its name.
    pub name: &'static str,
    /// The country's two letters.
    pub country: &'static str,
    /// Latitude and longitude in degrees, as text.
    pub lat_long: &'static str,
}

/// All cities, one in each country, and any two of them more than ten minutes apart.
pub static CITIES: [City; 10] = [
    City { name: "London", country: "GB", lat_long: "51.50,-0.12" },
    City { name: "Paris", country: "FR", lat_long: "48.86,2.35" },
    City { name: "Berlin", country: "DE", lat_long: "52.52,13.40" },
    City { name: "New York", country: "US", lat_long: "40.71,-74.01" },
    City { name: "Toronto", country: "CA", lat_long: "43.65,-79.38" },
    City { name: "Tokyo", country: "JP", lat_long: "35.68,139.69" },
    City { name: "Sydney", country: "AU", lat_long: "-33.87,151.21" },
    City { name: "Mumbai", country: "IN", lat_long: "19.08,72.88" },
    City { name: "Lagos", country: "NG", lat_long: "6.52,3.38" },
    City { name: "Lima", country: "PE", lat_long: "-12.05,-77.04" },
];

impl Payment {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"card\":\"c");
        push_padded(out, u64::from(self.card), 6);
        out.extend_from_slice(b"\",\"amount\":");
        push_decimal(out, u64::from(self.amount), 2);
        for (member, text) in [
            (&b",\"city\":\""[..], self.city.name),
            (b",\"country\":\"", self.city.country),
            (b",\"lat_long\":\"", self.city.lat_long),
        ] {
            out.extend_from_slice(member);
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        if let Some(terminal) = self.terminal {
            out.extend_from_slice(b",\"terminal\":\"t");
            push_padded(out, u64::from(terminal), 4);
            out.push(b'"');
        }
    }
}
