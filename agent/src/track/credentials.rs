//! What the id-setting calls do to credentials, by the rules of credentials(7) and capabilities(7).
//!
//! The kernel tells only the arguments, and which ids a call changes depends on the ids before.

use capture_format::model::Credentials;
use wire::facts::CredFacts;

use super::effect::Ids;

/// "Leave this one as it is."
const KEEP: u32 = u32::MAX;
const CAP_SETGID: u64 = 1 << 6;
const CAP_SETUID: u64 = 1 << 7;

/// Applies a call that succeeded. `setfsuid` and `setfsgid` never say that they failed.
pub(super) fn set_ids(credentials: &mut Credentials, call: Ids, [a, b, c]: [u32; 3]) {
    let before = credentials.clone();
    let set = |id: &mut u32, value: u32| {
        if value != KEEP {
            *id = value;
        }
    };
    let now = credentials;
    match call {
        Ids::Setuid => {
            if before.cap_effective & CAP_SETUID != 0 {
                (now.uid, now.suid) = (a, a);
            }
            (now.euid, now.fsuid) = (a, a);
        }
        Ids::Setreuid => {
            set(&mut now.uid, a);
            set(&mut now.euid, b);
            if a != KEEP || (b != KEEP && b != before.uid) {
                now.suid = now.euid;
            }
            now.fsuid = now.euid;
        }
        Ids::Setresuid => {
            set(&mut now.uid, a);
            set(&mut now.euid, b);
            set(&mut now.suid, c);
            now.fsuid = now.euid;
        }
        Ids::Setfsuid => {
            let own = [before.uid, before.euid, before.suid, before.fsuid].contains(&a);
            if a != KEEP && (own || before.cap_effective & CAP_SETUID != 0) {
                now.fsuid = a;
            }
        }
        Ids::Setgid => {
            if before.cap_effective & CAP_SETGID != 0 {
                (now.gid, now.sgid) = (a, a);
            }
            (now.egid, now.fsgid) = (a, a);
        }
        Ids::Setregid => {
            set(&mut now.gid, a);
            set(&mut now.egid, b);
            if a != KEEP || (b != KEEP && b != before.gid) {
                now.sgid = now.egid;
            }
            now.fsgid = now.egid;
        }
        Ids::Setresgid => {
            set(&mut now.gid, a);
            set(&mut now.egid, b);
            set(&mut now.sgid, c);
            now.fsgid = now.egid;
        }
        Ids::Setfsgid => {
            let own = [before.gid, before.egid, before.sgid, before.fsgid].contains(&a);
            if a != KEEP && (own || before.cap_effective & CAP_SETGID != 0) {
                now.fsgid = a;
            }
        }
    }
    if matches!(call, Ids::Setuid | Ids::Setreuid | Ids::Setresuid) {
        lose_capabilities(&before, now);
    }
}

/// Leaving user 0 costs the capabilities, unless the process asked to keep them (`PR_SET_KEEPCAPS`, which we do
/// not follow: the next `capset` or exec corrects it).
fn lose_capabilities(before: &Credentials, now: &mut Credentials) {
    let was_root = [before.uid, before.euid, before.suid].contains(&0);
    let is_root = [now.uid, now.euid, now.suid].contains(&0);
    if was_root && !is_root {
        (now.cap_permitted, now.cap_effective) = (0, 0);
    }
    if before.euid == 0 && now.euid != 0 {
        now.cap_effective = 0;
    }
    if before.euid != 0 && now.euid == 0 {
        now.cap_effective = now.cap_permitted;
    }
}

/// Applies the sets given to `capset`: effective, permitted, inheritable as 32-bit words, the low words of all
/// three before the high ones (which version 1 of the interface lacks).
pub(super) fn set_capabilities(credentials: &mut Credentials, sets: &[u8]) {
    let word = |at: usize| {
        let word = sets.get(at * 4..at * 4 + 4).and_then(|bytes| bytes.first_chunk());
        word.map(|bytes| u32::from_ne_bytes(*bytes))
    };
    let set = |at: usize| Some(u64::from(word(at)?) | u64::from(word(at + 3).unwrap_or(0)) << 32);
    if let (Some(effective), Some(permitted), Some(inheritable)) = (set(0), set(1), set(2)) {
        credentials.cap_effective = effective;
        credentials.cap_permitted = permitted;
        credentials.cap_inheritable = inheritable;
    }
}

/// Credentials as the kernel programs send them.
pub(super) fn from_facts(facts: &CredFacts) -> Credentials {
    Credentials {
        uid: facts.uid,
        euid: facts.euid,
        suid: facts.suid,
        fsuid: facts.fsuid,
        gid: facts.gid,
        egid: facts.egid,
        sgid: facts.sgid,
        fsgid: facts.fsgid,
        cap_permitted: facts.cap_permitted,
        cap_effective: facts.cap_effective,
        cap_inheritable: facts.cap_inheritable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "ruid euid suid fsuid, permitted effective" after one call by a user with these ids.
    fn check(ids: [u32; 4], capabilities: u64, call: Ids, arguments: [u32; 3], expected: &str) {
        let [uid, euid, suid, fsuid] = ids;
        let mut credentials = Credentials {
            uid,
            euid,
            suid,
            fsuid,
            cap_permitted: capabilities,
            cap_effective: capabilities,
            ..Credentials::default()
        };
        set_ids(&mut credentials, call, arguments);
        let c = credentials;
        let shown = format!(
            "{} {} {} {}, {:x} {:x}",
            c.uid, c.euid, c.suid, c.fsuid, c.cap_permitted, c.cap_effective
        );
        assert_eq!(shown, expected, "{call:?}{arguments:?} of {ids:?}");
    }

    #[test]
    fn user_ids_change_as_the_kernel_changes_them() {
        let k = KEEP;
        check([0, 0, 0, 0], 0xff, Ids::Setuid, [33, 0, 0], "33 33 33 33, 0 0");
        check([9, 9, 9, 9], 0, Ids::Setuid, [9, 0, 0], "9 9 9 9, 0 0");
        // A set-user-id program without capabilities switches between its two users.
        check([9, 7, 7, 7], 0, Ids::Setuid, [9, 0, 0], "9 9 7 9, 0 0");
        check([0, 0, 0, 0], 0xff, Ids::Setresuid, [k, 33, k], "0 33 0 33, ff 0");
        check([0, 0, 0, 0], 0xff, Ids::Setresuid, [33, 33, 33], "33 33 33 33, 0 0");
        check([0, 33, 0, 33], 0xff, Ids::Setresuid, [k, 0, k], "0 0 0 0, ff ff");
        check([0, 0, 0, 0], 0xff, Ids::Setreuid, [k, 33, 0], "0 33 33 33, ff 0");
        check([9, 7, 7, 7], 0, Ids::Setreuid, [7, 9, 0], "7 9 9 9, 0 0");
        check([9, 7, 7, 7], 0, Ids::Setreuid, [k, 9, 0], "9 9 7 9, 0 0");
        check([9, 9, 9, 9], 0, Ids::Setfsuid, [8, 0, 0], "9 9 9 9, 0 0");
        check([0, 0, 0, 0], 0xff, Ids::Setfsuid, [8, 0, 0], "0 0 0 8, ff ff");
        check([0, 0, 0, 0], 0xff, Ids::Setfsuid, [k, 0, 0], "0 0 0 0, ff ff");
    }

    #[test]
    fn capability_sets_of_any_length_are_read() {
        let mut credentials = Credentials::default();
        let sets: Vec<u8> = [1u32, 2, 3, 4, 5, 6].iter().flat_map(|word| word.to_ne_bytes()).collect();
        set_capabilities(&mut credentials, &sets);
        assert_eq!(credentials.cap_effective, 4 << 32 | 1);
        assert_eq!(credentials.cap_permitted, 5 << 32 | 2);
        assert_eq!(credentials.cap_inheritable, 6 << 32 | 3);
        set_capabilities(&mut credentials, &sets[..12]);
        assert_eq!(credentials.cap_effective, 1);
        set_capabilities(&mut credentials, &sets[4..15]);
        assert_eq!(credentials.cap_effective, 1);
    }
}
