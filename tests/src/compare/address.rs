//! Socket addresses: strace has them as structures, we as people write them.

use crate::strace::Value;

/// The address in our form, for the families that have one.
pub(super) fn address(fields: &[(String, Value)]) -> Option<String> {
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let Value::Number(family) = field("sa_family")? else { return None };
    let between = |name: &str, open: &str, close: char| match field(name) {
        Some(Value::Text { remark, .. }) => {
            let (_, after) = remark.rsplit_once(open)?;
            after.split(close).next().map(str::to_owned)
        }
        _ => None,
    };
    let number = |name: &str| match field(name) {
        Some(Value::Number(number)) => Some(number.value),
        _ => None,
    };
    match i32::try_from(family.value).ok()? {
        libc::AF_INET => {
            Some(format!("{}:{}", between("sin_addr", "(\"", '"')?, between("sin_port", "(", ')')?))
        }
        libc::AF_INET6 => {
            let scope = number("sin6_scope_id").filter(|scope| *scope != 0);
            let scope = scope.map_or(String::new(), |scope| format!("%{scope}"));
            let flow = between("sin6_flowinfo", "(", ')').filter(|flow| flow != "0");
            let flow = flow.map_or(String::new(), |flow| format!("/{flow}"));
            let host = between("sin6_addr", ", \"", '"')?;
            Some(format!("{host}{scope}:{}{flow}", between("sin6_port", "(", ')')?))
        }
        libc::AF_UNIX => match field("sun_path") {
            Some(Value::Text { bytes, remark, .. }) => {
                let mark = if remark == "@" { "@" } else { "" };
                Some(format!("{mark}{}", String::from_utf8_lossy(bytes)))
            }
            _ => Some(String::new()),
        },
        libc::AF_NETLINK => Some(format!("netlink:{}:{:X}", number("nl_pid")?, number("nl_groups")?)),
        _ => None,
    }
}
