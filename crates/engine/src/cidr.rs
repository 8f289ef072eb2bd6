//! Networks in CIDR notation, IPv4 and IPv6.

use core::net::IpAddr;

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/8` or `2001:db8::/32`; an address without a length is that one address.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Cidr, String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| format!("`{address}` is not an IP address"))?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let bits = match length {
            None => widest,
            Some(length) => length
                .parse::<u8>()
                .ok()
                .filter(|bits| *bits <= widest && !length.starts_with('+'))
                .ok_or_else(|| format!("`/{length}` must be a number from 0 to {widest}"))?,
        };
        match address.to_canonical() {
            // An IPv4 network written as IPv6 is the IPv4 network, as its addresses are.
            canonical @ IpAddr::V4(_) if address.is_ipv6() && bits >= 96 => Ok(Cidr { address: canonical, bits: bits - 96 }),
            _ => Ok(Cidr { address, bits }),
        }
    }

    /// Whether `text` is an address inside the network. Anything that is not an address is not.
    ///
    /// An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address.
    pub fn contains(&self, text: &str) -> bool {
        let Ok(other) = text.parse::<IpAddr>() else { return false };
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(other)) => same_head(net.to_bits().into(), other.to_bits().into(), 32, self.bits),
            (IpAddr::V6(net), IpAddr::V6(other)) => same_head(net.to_bits(), other.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

fn same_head(a: u128, b: u128, width: u8, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (width - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses_and_nothing_else() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "ec2.amazonaws.com", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "2001:db8::1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
        ] {
            assert_eq!(Cidr::parse(network).unwrap().contains(address), inside, "{network} {address}");
        }
    }

    #[test]
    fn mistakes_are_refused() {
        for text in ["10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "x", ""] {
            assert!(Cidr::parse(text).is_err(), "{text}");
        }
    }
}
