//! Names of well-known ports, for `fd.sport=http`: the ones people type, from IANA's registry.

/// Port and name, in order of ports.
const SERVICES: &[(u16, &str)] = &[
    (7, "echo"),
    (9, "discard"),
    (13, "daytime"),
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (37, "time"),
    (43, "whois"),
    (49, "tacacs"),
    (53, "domain"),
    (67, "bootps"),
    (68, "bootpc"),
    (69, "tftp"),
    (79, "finger"),
    (80, "http"),
    (88, "kerberos"),
    (110, "pop3"),
    (111, "sunrpc"),
    (113, "auth"),
    (119, "nntp"),
    (123, "ntp"),
    (137, "netbios-ns"),
    (138, "netbios-dgm"),
    (139, "netbios-ssn"),
    (143, "imap2"),
    (161, "snmp"),
    (162, "snmp-trap"),
    (179, "bgp"),
    (194, "irc"),
    (389, "ldap"),
    (443, "https"),
    (445, "microsoft-ds"),
    (464, "kpasswd"),
    (465, "submissions"),
    (500, "isakmp"),
    (514, "shell"),
    (515, "printer"),
    (546, "dhcpv6-client"),
    (547, "dhcpv6-server"),
    (554, "rtsp"),
    (587, "submission"),
    (631, "ipp"),
    (636, "ldaps"),
    (853, "domain-s"),
    (873, "rsync"),
    (989, "ftps-data"),
    (990, "ftps"),
    (993, "imaps"),
    (995, "pop3s"),
    (1080, "socks"),
    (1194, "openvpn"),
    (1433, "ms-sql-s"),
    (1812, "radius"),
    (1883, "mqtt"),
    (2049, "nfs"),
    (2379, "etcd-client"),
    (2380, "etcd-server"),
    (3260, "iscsi-target"),
    (3306, "mysql"),
    (3389, "ms-wbt-server"),
    (5060, "sip"),
    (5222, "xmpp-client"),
    (5353, "mdns"),
    (5432, "postgresql"),
    (5671, "amqps"),
    (5672, "amqp"),
    (6379, "redis"),
    (6443, "sun-sr-https"),
    (8080, "http-alt"),
    (8883, "secure-mqtt"),
    (9418, "git"),
    (10050, "zabbix-agent"),
    (10051, "zabbix-trapper"),
    (11211, "memcache"),
    (27017, "mongodb"),
];

/// The name of a port.
pub(crate) fn service_name(port: u16) -> Option<&'static str> {
    let at = SERVICES.binary_search_by_key(&port, |&(port, _)| port).ok()?;
    Some(SERVICES[at].1)
}

/// The port with this name.
pub(crate) fn service_port(name: &str) -> Option<u16> {
    SERVICES.iter().find(|(_, known)| *known == name).map(|&(port, _)| port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_in_order_and_names_lead_back() {
        assert!(SERVICES.is_sorted_by(|a, b| a.0 < b.0));
        for &(port, name) in SERVICES {
            assert_eq!(service_port(name), Some(port), "{name}");
            assert_eq!(service_name(port), Some(name));
        }
    }
}
