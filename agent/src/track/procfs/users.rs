//! Users and groups of the host, from its `/etc/passwd` and `/etc/group`.

use capture_format::model::{Group, User};

use super::parse;

fn columns(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b':').collect())
}

/// The users in the text of a passwd file; lines that are no users are passed over.
pub(in crate::track) fn users(passwd: &[u8]) -> Vec<User> {
    columns(passwd)
        .filter_map(|columns| {
            let &[name, _, uid, gid, _, home, shell] = columns.as_slice() else { return None };
            Some(User {
                uid: parse(uid)?,
                gid: parse(gid)?,
                name: name.to_vec(),
                home: home.to_vec(),
                shell: shell.to_vec(),
            })
        })
        .collect()
}

/// The groups in the text of a group file; lines that are no groups are passed over.
pub(in crate::track) fn groups(group: &[u8]) -> Vec<Group> {
    columns(group)
        .filter_map(|columns| {
            let &[name, _, gid, _] = columns.as_slice() else { return None };
            Some(Group { gid: parse(gid)?, name: name.to_vec() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_cost_only_themselves() {
        let passwd =
            b"root:x:0:0:root:/root:/bin/bash\nbroken\n+::::::\nann:x:1000:1001:Ann,,,:/home/ann:/bin/sh\n";
        let users = users(passwd);
        let shown: Vec<_> =
            users.iter().map(|u| (u.uid, u.gid, String::from_utf8_lossy(&u.name).into_owned())).collect();
        assert_eq!(shown, [(0, 0, "root".to_owned()), (1000, 1001, "ann".to_owned())]);
        let groups = groups(b"root:x:0:\n\nwheel:x:ten:\nusers:x:100:ann,bob\n");
        assert_eq!(groups.iter().map(|g| g.gid).collect::<Vec<_>>(), [0, 100]);
    }
}
