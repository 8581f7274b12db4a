//! System V and POSIX inter-process communication, and keys.

use libc::{IPC_CREAT, IPC_NOWAIT, IPC_PRIVATE, IPC_RMID, timespec};

use crate::call::{descriptor, sys};

pub(crate) fn run() {
    shared_memory();
    semaphores();
    messages();
    queues();
    keys();
}

fn shared_memory() {
    let id = sys!(libc::SYS_shmget, IPC_PRIVATE, 4096_usize, IPC_CREAT | 0o600);
    sys!(libc::SYS_shmget, 0x7357_1234, 4096_usize, 0);
    let at = sys!(libc::SYS_shmat, id, 0, 0);
    sys!(libc::SYS_shmat, -1, 0, 0);
    sys!(libc::SYS_shmctl, id, libc::IPC_STAT, &mut [0_u64; 32]);
    sys!(libc::SYS_shmdt, at);
    sys!(libc::SYS_shmdt, 1_usize);
    sys!(libc::SYS_shmctl, id, IPC_RMID, 0);
}

fn semaphores() {
    let id = sys!(libc::SYS_semget, IPC_PRIVATE, 1, IPC_CREAT | 0o600);
    sys!(libc::SYS_semget, 0x7357_1234, 1, 0);
    let up = libc::sembuf { sem_num: 0, sem_op: 1, sem_flg: 0 };
    let down = libc::sembuf { sem_num: 0, sem_op: -5, sem_flg: IPC_NOWAIT as i16 };
    sys!(libc::SYS_semop, id, &up, 1_usize);
    sys!(libc::SYS_semop, id, &down, 1_usize);
    sys!(libc::SYS_semtimedop, id, &up, 1_usize, &timespec { tv_sec: 0, tv_nsec: 1 });
    sys!(libc::SYS_semctl, id, 0, IPC_RMID, 0);
    sys!(libc::SYS_semctl, id, 0, IPC_RMID, 0);
}

fn messages() {
    let id = sys!(libc::SYS_msgget, IPC_PRIVATE, IPC_CREAT | 0o600);
    sys!(libc::SYS_msgget, 0x7357_1234, 0);
    let mut letter = [1_u64, 0x2121_2121];
    sys!(libc::SYS_msgsnd, id, &letter, 8_usize, 0);
    sys!(libc::SYS_msgrcv, id, &mut letter, 8_usize, 0, IPC_NOWAIT);
    sys!(libc::SYS_msgrcv, id, &mut letter, 8_usize, 0, IPC_NOWAIT);
    sys!(libc::SYS_msgctl, id, IPC_RMID, 0);
    sys!(libc::SYS_msgsnd, id, &letter, 8_usize, 0);
}

fn queues() {
    let name = c"sysreel-callgen";
    let queue = descriptor(sys!(libc::SYS_mq_open, name, libc::O_RDWR | libc::O_CREAT, 0o600, 0));
    sys!(libc::SYS_mq_open, c"sysreel-absent", libc::O_RDWR, 0, 0);
    sys!(libc::SYS_mq_getsetattr, queue, 0, &mut [0_u64; 8]);
    sys!(libc::SYS_mq_timedsend, queue, b"post".as_ptr(), 4_usize, 1_u32, 0);
    let mut room = [0_u8; 8192];
    let mut priority = 0_u32;
    sys!(libc::SYS_mq_timedreceive, queue, &mut room, room.len(), &mut priority, 0);
    sys!(libc::SYS_mq_timedreceive, queue, &mut room, 1_usize, &mut priority, 0);
    sys!(libc::SYS_mq_notify, queue, 0);
    sys!(libc::SYS_mq_unlink, name);
    sys!(libc::SYS_mq_unlink, name);
    sys!(libc::SYS_close, queue);
}

fn keys() {
    const PROCESS_KEYRING: i32 = -2;
    const REVOKE: i32 = 3;
    let key =
        sys!(libc::SYS_add_key, c"user", c"sysreel:callgen", b"secret".as_ptr(), 6_usize, PROCESS_KEYRING);
    sys!(libc::SYS_add_key, c"no such type", c"x", 0, 0_usize, PROCESS_KEYRING);
    sys!(libc::SYS_request_key, c"user", c"sysreel:callgen", 0, 0);
    sys!(libc::SYS_keyctl, REVOKE, key);
    sys!(libc::SYS_keyctl, 9999);
}
