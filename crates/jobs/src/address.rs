//! Which addresses a job may connect to, and a resolver that hands out no others.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// An address that is not public, and how its host was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forbidden {
    host: String,
    address: IpAddr,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address } = self;
        write!(f, "`{host}` has the address {address}, which is not public; the operator of the ")?;
        f.write_str(
            "worker can allow such addresses with `--allow-private-addresses` or \
             RUNNER_ALLOW_PRIVATE_ADDRESSES=1",
        )
    }
}

impl StdError for Forbidden {}

/// Checks one address.
///
/// # Errors
/// [`Forbidden`] when it is not public.
pub(crate) fn check(host: &str, address: IpAddr) -> Result<(), Forbidden> {
    let public = match address {
        IpAddr::V4(address) => public_v4(address),
        IpAddr::V6(address) => public_v6(address),
    };
    if public { Ok(()) } else { Err(Forbidden { host: host.to_owned(), address }) }
}

/// Every block of the IANA special-purpose registry that is not reachable from everywhere.
fn public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..) // this network, private, loopback, multicast and reserved
            | (100, 64..=127, _) // carrier-grade NAT
            | (169, 254, _) // link-local; cloud metadata
            | (172, 16..=31, _)
            | (192, 0, 0 | 2) // protocol assignments, documentation
            | (192, 88, 99) // 6to4 relays
            | (192, 168, _)
            | (198, 18 | 19, _) // benchmarks
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

/// Global unicast only, and of that nothing that carries an IPv4 address to somewhere else.
fn public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return public_v4(mapped);
    }
    let [a, b, ..] = address.segments();
    let global = a & 0xe000 == 0x2000;
    let special = match (a, b) {
        (0x2001, 0x0000..=0x01ff) => true, // Teredo, benchmarks, ORCHID and other assignments
        (0x2001, 0x0db8) | (0x2002, _) => true, // documentation, 6to4
        (0x3fff, 0x0000..=0x0fff) => true, // documentation
        _ => false,
    };
    global && !special
}

/// Resolves names by the system and refuses those with even one address that is not public.
///
/// The client connects to what comes out of here, so that no second look-up can say otherwise.
#[derive(Debug)]
pub(crate) struct CheckingResolver {
    pub(crate) allow_private: bool,
}

impl Resolve for CheckingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if !allow_private {
                for address in &found {
                    check(&host, address.ip())?;
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The [`Forbidden`] among the causes of `fault`.
pub(crate) fn forbidden<'a>(fault: &'a (dyn StdError + 'static)) -> Option<&'a Forbidden> {
    let mut causes = std::iter::successors(Some(fault), |fault| (*fault).source());
    causes.find_map(|fault| fault.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:2::1",
            "2001:db8::1",
            "2002:a00:1::",
            "2002:7f00:1::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in refused {
            let address = text.parse().unwrap();
            let fault = check("host", address).unwrap_err();
            assert!(fault.to_string().contains(&address.to_string()), "{text}");
        }
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00::1",
        ];
        for text in public {
            assert_eq!(check("host", text.parse().unwrap()), Ok(()), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_with_a_private_address_is_not_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        let resolver = CheckingResolver { allow_private: false };
        let Err(fault) = resolver.resolve(name()).await else { panic!("resolved") };
        assert!(forbidden(fault.as_ref()).is_some(), "{fault}");
        let resolver = CheckingResolver { allow_private: true };
        assert!(resolver.resolve(name()).await.is_ok());
    }
}
