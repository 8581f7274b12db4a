//! The schema's numbers beside those of the libc crate, which others took from the headers.
//!
//! The lists name what both know. A constant that libc sees differently on purpose (`O_LARGEFILE` is 0 for
//! 64-bit programs) or calls deprecated is left out.

use crate::schema::{Abi, set, structure, syscall_nr};

macro_rules! calls {
    ($($name:ident)*) => { [$((stringify!($name), libc::$name)),*] };
}

macro_rules! sets {
    ($($set:ident { $($name:ident)* })*) => { [$((stringify!($set), &[$((stringify!($name), libc::$name as i64)),*]
        as &[(&str, i64)])),*] };
}

#[test]
fn numbers_of_calls_agree() {
    let calls = calls! {
        SYS_read SYS_write SYS_open SYS_close SYS_stat SYS_fstat SYS_lstat SYS_poll SYS_lseek SYS_mmap
        SYS_mprotect SYS_munmap SYS_brk SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_ioctl
        SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_access SYS_pipe SYS_select SYS_sched_yield
        SYS_mremap SYS_msync SYS_mincore SYS_madvise SYS_shmget SYS_shmat SYS_shmctl SYS_dup SYS_dup2
        SYS_pause SYS_nanosleep SYS_getitimer SYS_alarm SYS_setitimer SYS_getpid SYS_sendfile SYS_socket
        SYS_connect SYS_accept SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_shutdown SYS_bind
        SYS_listen SYS_getsockname SYS_getpeername SYS_socketpair SYS_setsockopt SYS_getsockopt SYS_clone
        SYS_fork SYS_vfork SYS_execve SYS_exit SYS_wait4 SYS_kill SYS_uname SYS_semget SYS_semop SYS_semctl
        SYS_shmdt SYS_msgget SYS_msgsnd SYS_msgrcv SYS_msgctl SYS_fcntl SYS_flock SYS_fsync SYS_fdatasync
        SYS_truncate SYS_ftruncate SYS_getdents SYS_getcwd SYS_chdir SYS_fchdir SYS_rename SYS_mkdir
        SYS_rmdir SYS_creat SYS_link SYS_unlink SYS_symlink SYS_readlink SYS_chmod SYS_fchmod SYS_chown
        SYS_fchown SYS_lchown SYS_umask SYS_gettimeofday SYS_getrlimit SYS_getrusage SYS_sysinfo SYS_times
        SYS_ptrace SYS_getuid SYS_syslog SYS_getgid SYS_setuid SYS_setgid SYS_geteuid SYS_getegid
        SYS_setpgid SYS_getppid SYS_getpgrp SYS_setsid SYS_setreuid SYS_setregid SYS_getgroups SYS_setgroups
        SYS_setresuid SYS_getresuid SYS_setresgid SYS_getresgid SYS_getpgid SYS_setfsuid SYS_setfsgid
        SYS_getsid SYS_capget SYS_capset SYS_rt_sigpending SYS_rt_sigtimedwait SYS_rt_sigqueueinfo
        SYS_rt_sigsuspend SYS_sigaltstack SYS_utime SYS_mknod SYS_uselib SYS_personality SYS_ustat
        SYS_statfs SYS_fstatfs SYS_sysfs SYS_getpriority SYS_setpriority SYS_sched_setparam
        SYS_sched_getparam SYS_sched_setscheduler SYS_sched_getscheduler SYS_sched_get_priority_max
        SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_mlock SYS_munlock SYS_mlockall
        SYS_munlockall SYS_vhangup SYS_modify_ldt SYS_pivot_root SYS__sysctl SYS_prctl SYS_arch_prctl
        SYS_adjtimex SYS_setrlimit SYS_chroot SYS_sync SYS_acct SYS_settimeofday SYS_mount SYS_umount2
        SYS_swapon SYS_swapoff SYS_reboot SYS_sethostname SYS_setdomainname SYS_iopl SYS_ioperm
        SYS_init_module SYS_delete_module SYS_quotactl SYS_nfsservctl SYS_getpmsg SYS_putpmsg
        SYS_afs_syscall SYS_tuxcall SYS_security SYS_gettid SYS_readahead SYS_setxattr SYS_lsetxattr
        SYS_fsetxattr SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr
        SYS_removexattr SYS_lremovexattr SYS_fremovexattr SYS_tkill SYS_time SYS_futex SYS_sched_setaffinity
        SYS_sched_getaffinity SYS_set_thread_area SYS_io_setup SYS_io_destroy SYS_io_getevents SYS_io_submit
        SYS_io_cancel SYS_get_thread_area SYS_lookup_dcookie SYS_epoll_create SYS_epoll_ctl_old
        SYS_epoll_wait_old SYS_remap_file_pages SYS_getdents64 SYS_set_tid_address SYS_restart_syscall
        SYS_semtimedop SYS_fadvise64 SYS_timer_create SYS_timer_settime SYS_timer_gettime
        SYS_timer_getoverrun SYS_timer_delete SYS_clock_settime SYS_clock_gettime SYS_clock_getres
        SYS_clock_nanosleep SYS_exit_group SYS_epoll_wait SYS_epoll_ctl SYS_tgkill SYS_utimes SYS_vserver
        SYS_mbind SYS_set_mempolicy SYS_get_mempolicy SYS_mq_open SYS_mq_unlink SYS_mq_timedsend
        SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr SYS_kexec_load SYS_waitid SYS_add_key
        SYS_request_key SYS_keyctl SYS_ioprio_set SYS_ioprio_get SYS_inotify_init SYS_inotify_add_watch
        SYS_inotify_rm_watch SYS_migrate_pages SYS_openat SYS_mkdirat SYS_mknodat SYS_fchownat SYS_futimesat
        SYS_newfstatat SYS_unlinkat SYS_renameat SYS_linkat SYS_symlinkat SYS_readlinkat SYS_fchmodat
        SYS_faccessat SYS_pselect6 SYS_ppoll SYS_unshare SYS_set_robust_list SYS_get_robust_list SYS_splice
        SYS_tee SYS_sync_file_range SYS_vmsplice SYS_move_pages SYS_utimensat SYS_epoll_pwait SYS_signalfd
        SYS_timerfd_create SYS_eventfd SYS_fallocate SYS_timerfd_settime SYS_timerfd_gettime SYS_accept4
        SYS_signalfd4 SYS_eventfd2 SYS_epoll_create1 SYS_dup3 SYS_pipe2 SYS_inotify_init1 SYS_preadv
        SYS_pwritev SYS_rt_tgsigqueueinfo SYS_perf_event_open SYS_recvmmsg SYS_fanotify_init
        SYS_fanotify_mark SYS_prlimit64 SYS_name_to_handle_at SYS_open_by_handle_at SYS_clock_adjtime
        SYS_syncfs SYS_sendmmsg SYS_setns SYS_getcpu SYS_process_vm_readv SYS_process_vm_writev SYS_kcmp
        SYS_finit_module SYS_sched_setattr SYS_sched_getattr SYS_renameat2 SYS_seccomp SYS_getrandom
        SYS_memfd_create SYS_kexec_file_load SYS_bpf SYS_execveat SYS_userfaultfd SYS_membarrier SYS_mlock2
        SYS_copy_file_range SYS_preadv2 SYS_pwritev2 SYS_pkey_mprotect SYS_pkey_alloc SYS_pkey_free
        SYS_statx SYS_rseq SYS_pidfd_send_signal SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register
        SYS_open_tree SYS_move_mount SYS_fsopen SYS_fsconfig SYS_fsmount SYS_fspick SYS_pidfd_open
        SYS_clone3 SYS_close_range SYS_openat2 SYS_pidfd_getfd SYS_faccessat2 SYS_process_madvise
        SYS_epoll_pwait2 SYS_mount_setattr SYS_quotactl_fd SYS_landlock_create_ruleset SYS_landlock_add_rule
        SYS_landlock_restrict_self SYS_memfd_secret SYS_process_mrelease SYS_futex_waitv
        SYS_set_mempolicy_home_node SYS_fchmodat2 SYS_mseal
    };
    for (name, nr) in calls {
        let name = name.strip_prefix("SYS_").expect("the list says so");
        assert_eq!(syscall_nr(Abi::X86_64, name).map(i64::from), Some(nr), "{name}");
    }
}

#[test]
fn values_of_flags_agree() {
    let sets = sets! {
        access { X_OK W_OK R_OK F_OK }
        socket_family {
            AF_UNSPEC AF_UNIX AF_INET AF_AX25 AF_IPX AF_APPLETALK AF_NETROM AF_BRIDGE AF_ATMPVC AF_X25
            AF_INET6 AF_ROSE AF_DECnet AF_NETBEUI AF_SECURITY AF_KEY AF_NETLINK AF_PACKET AF_ASH AF_ECONET
            AF_ATMSVC AF_RDS AF_SNA AF_IRDA AF_PPPOX AF_WANPIPE AF_LLC AF_IB AF_MPLS AF_CAN AF_TIPC
            AF_BLUETOOTH AF_IUCV AF_RXRPC AF_ISDN AF_PHONET AF_IEEE802154 AF_CAIF AF_ALG AF_NFC AF_VSOCK
            AF_XDP
        }
        at { AT_SYMLINK_NOFOLLOW AT_SYMLINK_FOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_RECURSIVE }
        at_access { AT_SYMLINK_NOFOLLOW AT_EACCESS AT_EMPTY_PATH }
        at_exec { AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH AT_EXECVE_CHECK }
        at_handle {
            AT_HANDLE_MNT_ID_UNIQUE AT_HANDLE_CONNECTABLE AT_HANDLE_FID AT_SYMLINK_FOLLOW AT_EMPTY_PATH
        }
        at_link { AT_SYMLINK_FOLLOW AT_EMPTY_PATH }
        at_mount { AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_RECURSIVE }
        at_stat { AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC }
        at_unlink { AT_REMOVEDIR }
        clockid {
            CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID
            CLOCK_MONOTONIC_RAW CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME
            CLOCK_REALTIME_ALARM CLOCK_BOOTTIME_ALARM CLOCK_TAI
        }
        clone {
            SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2
            SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU
            SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS CLONE_VM CLONE_FS CLONE_FILES
            CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT CLONE_THREAD CLONE_NEWNS
            CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_DETACHED
            CLONE_UNTRACED CLONE_CHILD_SETTID CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER
            CLONE_NEWPID CLONE_NEWNET CLONE_IO
        }
        clone3 {
            CLONE_NEWTIME CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK
            CLONE_PARENT CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID
            CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED CLONE_CHILD_SETTID CLONE_NEWCGROUP
            CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET CLONE_IO
        }
        close_range { CLOSE_RANGE_UNSHARE CLOSE_RANGE_CLOEXEC }
        delete_module { O_TRUNC O_NONBLOCK }
        epoll {
            EPOLLIN EPOLLPRI EPOLLOUT EPOLLERR EPOLLHUP EPOLLRDNORM EPOLLRDBAND EPOLLWRNORM EPOLLWRBAND
            EPOLLMSG EPOLLRDHUP EPOLLEXCLUSIVE EPOLLWAKEUP EPOLLONESHOT EPOLLET
        }
        epoll_create { EPOLL_CLOEXEC }
        epoll_op { EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD }
        errno {
            EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN EWOULDBLOCK ENOMEM EACCES
            EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY
            EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK EDEADLOCK ENAMETOOLONG ENOLCK ENOSYS
            ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE
            EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE
            ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG
            ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ
            EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT
            EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET
            ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH
            EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM
            EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE
            ERFKILL EHWPOISON
        }
        eventfd { EFD_SEMAPHORE EFD_NONBLOCK EFD_CLOEXEC }
        fadvise {
            POSIX_FADV_NORMAL POSIX_FADV_RANDOM POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED
            POSIX_FADV_DONTNEED POSIX_FADV_NOREUSE
        }
        fallocate {
            FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE FALLOC_FL_COLLAPSE_RANGE FALLOC_FL_ZERO_RANGE
            FALLOC_FL_INSERT_RANGE FALLOC_FL_UNSHARE_RANGE
        }
        fanotify_event {
            FAN_ACCESS FAN_MODIFY FAN_ATTRIB FAN_CLOSE_WRITE FAN_CLOSE_NOWRITE FAN_OPEN FAN_MOVED_FROM
            FAN_MOVED_TO FAN_CREATE FAN_DELETE FAN_DELETE_SELF FAN_MOVE_SELF FAN_OPEN_EXEC FAN_Q_OVERFLOW
            FAN_FS_ERROR FAN_OPEN_PERM FAN_ACCESS_PERM FAN_OPEN_EXEC_PERM FAN_EVENT_ON_CHILD FAN_RENAME
            FAN_ONDIR
        }
        fanotify_init {
            FAN_CLASS_NOTIF FAN_CLASS_CONTENT FAN_CLASS_PRE_CONTENT FAN_CLOEXEC FAN_NONBLOCK
            FAN_UNLIMITED_QUEUE FAN_UNLIMITED_MARKS FAN_ENABLE_AUDIT FAN_REPORT_PIDFD FAN_REPORT_TID
            FAN_REPORT_FID FAN_REPORT_DIR_FID FAN_REPORT_NAME FAN_REPORT_TARGET_FID
        }
        fanotify_mark {
            FAN_MARK_MOUNT FAN_MARK_FILESYSTEM FAN_MARK_ADD FAN_MARK_REMOVE FAN_MARK_DONT_FOLLOW
            FAN_MARK_ONLYDIR FAN_MARK_IGNORED_MASK FAN_MARK_IGNORED_SURV_MODIFY FAN_MARK_FLUSH
            FAN_MARK_EVICTABLE FAN_MARK_IGNORE
        }
        fcntl {
            F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_OFD_GETLK
            F_OFD_SETLK F_OFD_SETLKW F_SETLEASE F_GETLEASE F_NOTIFY F_CANCELLK F_DUPFD_CLOEXEC F_SETPIPE_SZ
            F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS
        }
        finit_module { MODULE_INIT_IGNORE_MODVERSIONS MODULE_INIT_IGNORE_VERMAGIC }
        flock { LOCK_SH LOCK_EX LOCK_NB LOCK_UN }
        fsmount { FSMOUNT_CLOEXEC }
        fsopen { FSOPEN_CLOEXEC }
        fspick { FSPICK_CLOEXEC FSPICK_SYMLINK_NOFOLLOW FSPICK_NO_AUTOMOUNT FSPICK_EMPTY_PATH }
        futex2 { FUTEX2_SIZE_U8 FUTEX2_SIZE_U16 FUTEX2_SIZE_U32 FUTEX2_SIZE_U64 FUTEX2_NUMA FUTEX2_PRIVATE }
        futex_op {
            FUTEX_WAIT FUTEX_WAKE FUTEX_FD FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAKE_OP FUTEX_LOCK_PI
            FUTEX_UNLOCK_PI FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET FUTEX_WAIT_REQUEUE_PI
            FUTEX_CMP_REQUEUE_PI FUTEX_LOCK_PI2 FUTEX_PRIVATE_FLAG FUTEX_CLOCK_REALTIME
        }
        getrandom { GRND_NONBLOCK GRND_RANDOM GRND_INSECURE }
        idtype { P_ALL P_PID P_PGID P_PIDFD }
        inotify {
            IN_ACCESS IN_MODIFY IN_ATTRIB IN_CLOSE_WRITE IN_CLOSE_NOWRITE IN_OPEN IN_MOVED_FROM IN_MOVED_TO
            IN_CREATE IN_DELETE IN_DELETE_SELF IN_MOVE_SELF IN_UNMOUNT IN_Q_OVERFLOW IN_IGNORED IN_ONLYDIR
            IN_DONT_FOLLOW IN_EXCL_UNLINK IN_MASK_CREATE IN_MASK_ADD IN_ISDIR IN_ONESHOT
        }
        c_cflag {
            B50 B75 B110 B134 B150 B200 B300 B600 B1200 B1800 B2400 B4800 B9600 B19200
            B38400 BOTHER B57600 B115200 B230400 B460800 B500000 B576000 B921600
            B1000000 B1152000 B1500000 B2000000 B2500000 B3000000 B3500000 B4000000 CS6
            CS7 CS8
        }
        inotify_init { IN_NONBLOCK IN_CLOEXEC }
        ioctl {
            BLKSSZGET BLKIOMIN BLKIOOPT BLKPBSZGET
            TCGETS TCSETS TCSETSW TCSETSF TCGETA TCSETA TCSETAW TCSETAF TCSBRK TCXONC TCFLSH TIOCEXCL
            TIOCNXCL TIOCSCTTY TIOCGPGRP TIOCSPGRP TIOCOUTQ TIOCSTI TIOCGWINSZ TIOCSWINSZ TIOCMGET TIOCMBIS
            TIOCMBIC TIOCMSET TIOCGSOFTCAR TIOCSSOFTCAR FIONREAD TIOCINQ TIOCLINUX TIOCCONS TIOCGSERIAL
            TIOCSSERIAL TIOCPKT FIONBIO TIOCNOTTY TIOCSETD TIOCGETD TCSBRKP TIOCSBRK TIOCCBRK TIOCGSID
            TIOCGRS485 TIOCSRS485 TCGETX TCSETX TCSETXF TCSETXW TIOCVHANGUP TIOCGPTPEER FIONCLEX FIOCLEX
            FIOASYNC TIOCSERCONFIG TIOCSERGWILD TIOCSERSWILD TIOCGLCKTRMIOS TIOCSLCKTRMIOS TIOCSERGSTRUCT
            TIOCSERGETLSR TIOCSERGETMULTI TIOCSERSETMULTI TIOCMIWAIT TIOCGICOUNT FIOQSIZE TUNGETDEVNETNS
            SIOCADDRT SIOCDELRT SIOCGIFNAME SIOCSIFLINK SIOCGIFCONF SIOCGIFFLAGS SIOCSIFFLAGS SIOCGIFADDR
            SIOCSIFADDR SIOCGIFDSTADDR SIOCSIFDSTADDR SIOCGIFBRDADDR SIOCSIFBRDADDR SIOCGIFNETMASK
            SIOCSIFNETMASK SIOCGIFMETRIC SIOCSIFMETRIC SIOCGIFMEM SIOCSIFMEM SIOCGIFMTU SIOCSIFMTU
            SIOCSIFNAME SIOCSIFHWADDR SIOCGIFENCAP SIOCSIFENCAP SIOCGIFHWADDR SIOCGIFSLAVE SIOCSIFSLAVE
            SIOCADDMULTI SIOCDELMULTI SIOCGIFINDEX SIOCSIFPFLAGS SIOCGIFPFLAGS SIOCDIFADDR
            SIOCSIFHWBROADCAST SIOCGIFCOUNT SIOCGIFBR SIOCSIFBR SIOCGIFTXQLEN SIOCSIFTXQLEN SIOCETHTOOL
            SIOCGMIIPHY SIOCGMIIREG SIOCSMIIREG SIOCWANDEV SIOCOUTQNSD SIOCGSKNS SIOCDARP SIOCGARP SIOCSARP
            SIOCDRARP SIOCGRARP SIOCSRARP SIOCGIFMAP SIOCSIFMAP SIOCSHWTSTAMP SIOCGHWTSTAMP NS_GET_USERNS
            NS_GET_PARENT NS_GET_NSTYPE NS_GET_OWNER_UID PIDFD_GET_CGROUP_NAMESPACE PIDFD_GET_IPC_NAMESPACE
            PIDFD_GET_MNT_NAMESPACE PIDFD_GET_NET_NAMESPACE PIDFD_GET_PID_NAMESPACE
            PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE PIDFD_GET_TIME_NAMESPACE
            PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE PIDFD_GET_USER_NAMESPACE PIDFD_GET_UTS_NAMESPACE
            TIOCSPTLCK TIOCSIG TUNSETNOCSUM TUNSETDEBUG TUNSETIFF TUNSETPERSIST TUNSETOWNER TUNSETLINK
            TUNSETGROUP TUNSETOFFLOAD TUNSETTXFILTER TUNSETSNDBUF TUNSETVNETHDRSZ TUNSETQUEUE TUNSETIFINDEX
            TUNSETVNETLE TUNSETVNETBE TUNSETCARRIER FS_IOC32_SETFLAGS FS_IOC32_SETVERSION FICLONE
            SECCOMP_IOCTL_NOTIF_ID_VALID SECCOMP_IOCTL_NOTIF_SET_FLAGS FS_IOC_SETFLAGS FS_IOC_SETVERSION
            EPIOCSPARAMS TUNATTACHFILTER TUNDETACHFILTER SECCOMP_IOCTL_NOTIF_ADDFD FICLONERANGE TCSETS2
            TCSETSW2 TCSETSF2 TIOCGPTN TIOCGDEV TIOCGPKT TIOCGPTLCK TIOCGEXCL TUNGETFEATURES TUNGETIFF
            TUNGETSNDBUF TUNGETVNETHDRSZ TUNGETVNETLE TUNGETVNETBE TUNSETSTEERINGEBPF TUNSETFILTEREBPF
            FS_IOC32_GETFLAGS FS_IOC32_GETVERSION NS_GET_PID_FROM_PIDNS NS_GET_TGID_FROM_PIDNS
            NS_GET_PID_IN_PIDNS NS_GET_TGID_IN_PIDNS FS_IOC_GETFLAGS FS_IOC_GETVERSION EPIOCGPARAMS
            NS_GET_MNTNS_ID TUNGETFILTER NS_MNT_GET_INFO NS_MNT_GET_NEXT NS_MNT_GET_PREV TCGETS2
            SECCOMP_IOCTL_NOTIF_SEND SECCOMP_IOCTL_NOTIF_RECV PIDFD_GET_INFO
        }
        ipc_ctl { IPC_RMID IPC_SET IPC_STAT IPC_INFO MSG_STAT SHM_LOCK MSG_INFO SHM_UNLOCK }
        ipc_get { IPC_CREAT IPC_EXCL SHM_HUGETLB SHM_NORESERVE }
        itimer { ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF }
        kexec { KEXEC_ON_CRASH KEXEC_PRESERVE_CONTEXT }
        kexec_file { KEXEC_FILE_UNLOAD KEXEC_FILE_ON_CRASH KEXEC_FILE_NO_INITRAMFS }
        key_spec {
            KEY_SPEC_REQUESTOR_KEYRING KEY_SPEC_REQKEY_AUTH_KEY KEY_SPEC_GROUP_KEYRING
            KEY_SPEC_USER_SESSION_KEYRING KEY_SPEC_USER_KEYRING KEY_SPEC_SESSION_KEYRING
            KEY_SPEC_PROCESS_KEYRING KEY_SPEC_THREAD_KEYRING
        }
        keyctl {
            KEYCTL_GET_KEYRING_ID KEYCTL_JOIN_SESSION_KEYRING KEYCTL_UPDATE KEYCTL_REVOKE KEYCTL_CHOWN
            KEYCTL_SETPERM KEYCTL_DESCRIBE KEYCTL_CLEAR KEYCTL_LINK KEYCTL_UNLINK KEYCTL_SEARCH KEYCTL_READ
            KEYCTL_INSTANTIATE KEYCTL_NEGATE KEYCTL_SET_REQKEY_KEYRING KEYCTL_SET_TIMEOUT
            KEYCTL_ASSUME_AUTHORITY KEYCTL_GET_SECURITY KEYCTL_SESSION_TO_PARENT KEYCTL_REJECT
            KEYCTL_INSTANTIATE_IOV KEYCTL_INVALIDATE KEYCTL_GET_PERSISTENT KEYCTL_DH_COMPUTE
            KEYCTL_PKEY_QUERY KEYCTL_PKEY_ENCRYPT KEYCTL_PKEY_DECRYPT KEYCTL_PKEY_SIGN KEYCTL_PKEY_VERIFY
            KEYCTL_RESTRICT_KEYRING KEYCTL_MOVE KEYCTL_CAPABILITIES
        }
        madvise {
            MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE MADV_REMOVE
            MADV_DONTFORK MADV_DOFORK MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE
            MADV_DONTDUMP MADV_DODUMP MADV_WIPEONFORK MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT
            MADV_POPULATE_READ MADV_POPULATE_WRITE MADV_DONTNEED_LOCKED MADV_COLLAPSE MADV_HWPOISON
            MADV_SOFT_OFFLINE
        }
        map {
            MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_DROPPABLE MAP_FIXED MAP_ANONYMOUS MAP_32BIT
            MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE MAP_LOCKED MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK
            MAP_STACK MAP_HUGETLB MAP_SYNC MAP_FIXED_NOREPLACE
        }
        membarrier {
            MEMBARRIER_CMD_QUERY MEMBARRIER_CMD_GLOBAL MEMBARRIER_CMD_GLOBAL_EXPEDITED
            MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED MEMBARRIER_CMD_PRIVATE_EXPEDITED
            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
        }
        memfd { MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL MFD_EXEC }
        memfd_secret { FD_CLOEXEC O_CLOEXEC }
        mempolicy {
            MPOL_DEFAULT MPOL_PREFERRED MPOL_BIND MPOL_INTERLEAVE MPOL_LOCAL MPOL_F_NUMA_BALANCING
            MPOL_F_RELATIVE_NODES MPOL_F_STATIC_NODES
        }
        mlock2 { MLOCK_ONFAULT }
        mlockall { MCL_CURRENT MCL_FUTURE MCL_ONFAULT }
        mount {
            MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_REMOUNT MS_MANDLOCK MS_DIRSYNC
            MS_NOSYMFOLLOW MS_NOATIME MS_NODIRATIME MS_BIND MS_MOVE MS_REC MS_SILENT MS_POSIXACL
            MS_UNBINDABLE MS_PRIVATE MS_SLAVE MS_SHARED MS_RELATIME MS_I_VERSION MS_STRICTATIME MS_LAZYTIME
        }
        mount_attr {
            MOUNT_ATTR_NOATIME MOUNT_ATTR_STRICTATIME MOUNT_ATTR_RDONLY MOUNT_ATTR_NOSUID MOUNT_ATTR_NODEV
            MOUNT_ATTR_NOEXEC MOUNT_ATTR_NODIRATIME MOUNT_ATTR_IDMAP MOUNT_ATTR_NOSYMFOLLOW
        }
        move_mount {
            MOVE_MOUNT_F_SYMLINKS MOVE_MOUNT_F_AUTOMOUNTS MOVE_MOUNT_F_EMPTY_PATH MOVE_MOUNT_T_SYMLINKS
            MOVE_MOUNT_T_AUTOMOUNTS MOVE_MOUNT_T_EMPTY_PATH MOVE_MOUNT_SET_GROUP MOVE_MOUNT_BENEATH
        }
        mremap { MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP }
        msg {
            MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL MSG_FIN
            MSG_SYN MSG_CONFIRM MSG_RST MSG_ERRQUEUE MSG_NOSIGNAL MSG_MORE MSG_WAITFORONE MSG_ZEROCOPY
            MSG_FASTOPEN MSG_CMSG_CLOEXEC
        }
        msgflg { IPC_NOWAIT MSG_NOERROR MSG_EXCEPT MSG_COPY }
        msync { MS_ASYNC MS_INVALIDATE MS_SYNC }
        open {
            O_RDONLY O_WRONLY O_RDWR O_SYNC O_TMPFILE O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK
            O_DSYNC O_DIRECT O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH
        }
        open_tree {
            OPEN_TREE_CLONE AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_RECURSIVE OPEN_TREE_CLOEXEC
        }
        personality {
            UNAME26 ADDR_NO_RANDOMIZE FDPIC_FUNCPTRS MMAP_PAGE_ZERO ADDR_COMPAT_LAYOUT READ_IMPLIES_EXEC
            ADDR_LIMIT_32BIT SHORT_INODE WHOLE_SECONDS STICKY_TIMEOUTS ADDR_LIMIT_3GB
        }
        pidfd_open { PIDFD_THREAD PIDFD_NONBLOCK }
        pidfd_signal { PIDFD_SIGNAL_THREAD PIDFD_SIGNAL_THREAD_GROUP PIDFD_SIGNAL_PROCESS_GROUP }
        pipe { O_NONBLOCK O_DIRECT O_CLOEXEC }
        poll {
            POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLRDBAND POLLWRNORM POLLWRBAND
            POLLRDHUP
        }
        prctl {
            PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_DUMPABLE PR_SET_DUMPABLE PR_GET_UNALIGN PR_SET_UNALIGN
            PR_GET_KEEPCAPS PR_SET_KEEPCAPS PR_GET_FPEMU PR_SET_FPEMU PR_GET_FPEXC PR_SET_FPEXC
            PR_GET_TIMING PR_SET_TIMING PR_SET_NAME PR_GET_NAME PR_GET_ENDIAN PR_SET_ENDIAN PR_GET_SECCOMP
            PR_SET_SECCOMP PR_CAPBSET_READ PR_CAPBSET_DROP PR_GET_TSC PR_SET_TSC PR_GET_SECUREBITS
            PR_SET_SECUREBITS PR_SET_TIMERSLACK PR_GET_TIMERSLACK PR_TASK_PERF_EVENTS_DISABLE
            PR_TASK_PERF_EVENTS_ENABLE PR_MCE_KILL PR_MCE_KILL_GET PR_SET_MM PR_SET_CHILD_SUBREAPER
            PR_GET_CHILD_SUBREAPER PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS PR_GET_TID_ADDRESS
            PR_SET_THP_DISABLE PR_GET_THP_DISABLE PR_MPX_ENABLE_MANAGEMENT PR_MPX_DISABLE_MANAGEMENT
            PR_SET_FP_MODE PR_GET_FP_MODE PR_CAP_AMBIENT PR_GET_SPECULATION_CTRL PR_SET_SPECULATION_CTRL
            PR_SCHED_CORE PR_SET_MDWE PR_GET_MDWE PR_SET_MEMORY_MERGE PR_GET_MEMORY_MERGE PR_SET_VMA
            PR_SET_PTRACER
        }
        prio { PRIO_PROCESS PRIO_PGRP PRIO_USER }
        prot { PROT_READ PROT_WRITE PROT_EXEC PROT_GROWSDOWN PROT_GROWSUP PROT_NONE }
        ptrace {
            PTRACE_TRACEME PTRACE_PEEKTEXT PTRACE_PEEKDATA PTRACE_POKETEXT PTRACE_POKEDATA PTRACE_CONT
            PTRACE_KILL PTRACE_SINGLESTEP PTRACE_GETREGS PTRACE_SETREGS PTRACE_GETFPREGS PTRACE_SETFPREGS
            PTRACE_ATTACH PTRACE_DETACH PTRACE_GETFPXREGS PTRACE_SETFPXREGS PTRACE_SYSCALL PTRACE_SYSEMU
            PTRACE_SYSEMU_SINGLESTEP PTRACE_SETOPTIONS PTRACE_GETEVENTMSG PTRACE_GETSIGINFO
            PTRACE_SETSIGINFO PTRACE_GETREGSET PTRACE_SETREGSET PTRACE_SEIZE PTRACE_INTERRUPT PTRACE_LISTEN
            PTRACE_PEEKSIGINFO PTRACE_GETSIGMASK PTRACE_SETSIGMASK PTRACE_GET_SYSCALL_INFO
            PTRACE_GET_RSEQ_CONFIGURATION PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG
            PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG PTRACE_SET_SYSCALL_INFO
        }
        reboot {
            LINUX_REBOOT_CMD_CAD_OFF LINUX_REBOOT_CMD_RESTART LINUX_REBOOT_CMD_POWER_OFF
            LINUX_REBOOT_CMD_KEXEC LINUX_REBOOT_CMD_CAD_ON LINUX_REBOOT_CMD_RESTART2 LINUX_REBOOT_CMD_HALT
            LINUX_REBOOT_CMD_SW_SUSPEND
        }
        renameat2 { RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT }
        resolve {
            RESOLVE_NO_XDEV RESOLVE_NO_MAGICLINKS RESOLVE_NO_SYMLINKS RESOLVE_BENEATH RESOLVE_IN_ROOT
            RESOLVE_CACHED
        }
        rlim_value { RLIM_INFINITY }
        rlimit {
            RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC
            RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE
            RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME
        }
        rusage_who { RUSAGE_CHILDREN RUSAGE_SELF RUSAGE_THREAD }
        rwf { RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND RWF_NOAPPEND RWF_ATOMIC RWF_DONTCACHE }
        sched {
            SCHED_OTHER SCHED_NORMAL SCHED_FIFO SCHED_RR SCHED_BATCH SCHED_IDLE SCHED_DEADLINE
            SCHED_RESET_ON_FORK
        }
        sched_flag {
            SCHED_FLAG_RESET_ON_FORK SCHED_FLAG_RECLAIM SCHED_FLAG_DL_OVERRUN SCHED_FLAG_KEEP_POLICY
            SCHED_FLAG_KEEP_PARAMS SCHED_FLAG_UTIL_CLAMP_MIN SCHED_FLAG_UTIL_CLAMP_MAX
        }
        seccomp_filter {
            SECCOMP_FILTER_FLAG_TSYNC SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW
            SECCOMP_FILTER_FLAG_NEW_LISTENER SECCOMP_FILTER_FLAG_TSYNC_ESRCH
            SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        }
        seccomp_op {
            SECCOMP_SET_MODE_STRICT SECCOMP_SET_MODE_FILTER SECCOMP_GET_ACTION_AVAIL SECCOMP_GET_NOTIF_SIZES
        }
        sem_ctl {
            IPC_RMID IPC_SET IPC_STAT IPC_INFO GETPID GETVAL GETALL GETNCNT GETZCNT SETVAL SETALL SEM_STAT
            SEM_INFO SEM_STAT_ANY
        }
        semop { IPC_NOWAIT SEM_UNDO }
        shmat { SHM_RDONLY SHM_RND SHM_REMAP SHM_EXEC }
        shutdown { SHUT_RD SHUT_WR SHUT_RDWR }
        sig_handler { SIG_DFL SIG_IGN }
        sigaction { SA_NOCLDSTOP SA_NOCLDWAIT SA_SIGINFO SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND }
        sigaltstack { SS_ONSTACK SS_DISABLE }
        sigmask_how { SIG_BLOCK SIG_UNBLOCK SIG_SETMASK }
        signal {
            SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGIOT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV
            SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG
            SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPOLL SIGPWR SIGSYS
        }
        signalfd { SFD_NONBLOCK SFD_CLOEXEC }
        sock_flags { SOCK_NONBLOCK SOCK_CLOEXEC }
        sockopt_ip {
            IP_TOS IP_TTL IP_HDRINCL IP_OPTIONS IP_ROUTER_ALERT IP_RECVOPTS IP_RETOPTS IP_PKTINFO
            IP_PKTOPTIONS IP_MTU_DISCOVER IP_RECVERR IP_RECVTTL IP_RECVTOS IP_MTU IP_FREEBIND
            IP_IPSEC_POLICY IP_XFRM_POLICY IP_PASSSEC IP_TRANSPARENT IP_ORIGDSTADDR IP_RECVORIGDSTADDR
            IP_MINTTL IP_NODEFRAG IP_CHECKSUM IP_BIND_ADDRESS_NO_PORT IP_RECVFRAGSIZE IP_MULTICAST_IF
            IP_MULTICAST_TTL IP_MULTICAST_LOOP IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP IP_UNBLOCK_SOURCE
            IP_BLOCK_SOURCE IP_ADD_SOURCE_MEMBERSHIP IP_DROP_SOURCE_MEMBERSHIP IP_MSFILTER MCAST_JOIN_GROUP
            MCAST_BLOCK_SOURCE MCAST_UNBLOCK_SOURCE MCAST_LEAVE_GROUP MCAST_JOIN_SOURCE_GROUP
            MCAST_LEAVE_SOURCE_GROUP MCAST_MSFILTER IP_MULTICAST_ALL IP_UNICAST_IF
        }
        sockopt_ipv6 {
            IPV6_ADDRFORM IPV6_2292PKTINFO IPV6_2292HOPOPTS IPV6_2292DSTOPTS IPV6_2292RTHDR
            IPV6_2292PKTOPTIONS IPV6_CHECKSUM IPV6_2292HOPLIMIT IPV6_NEXTHOP IPV6_AUTHHDR IPV6_FLOWINFO
            IPV6_UNICAST_HOPS IPV6_MULTICAST_IF IPV6_MULTICAST_HOPS IPV6_MULTICAST_LOOP IPV6_ADD_MEMBERSHIP
            IPV6_DROP_MEMBERSHIP IPV6_ROUTER_ALERT IPV6_MTU_DISCOVER IPV6_MTU IPV6_RECVERR IPV6_V6ONLY
            IPV6_JOIN_ANYCAST IPV6_LEAVE_ANYCAST IPV6_MULTICAST_ALL IPV6_ROUTER_ALERT_ISOLATE
            IPV6_FLOWLABEL_MGR IPV6_IPSEC_POLICY IPV6_XFRM_POLICY IPV6_HDRINCL IPV6_RECVPKTINFO IPV6_PKTINFO
            IPV6_RECVHOPLIMIT IPV6_HOPLIMIT IPV6_RECVHOPOPTS IPV6_HOPOPTS IPV6_RTHDRDSTOPTS IPV6_RECVRTHDR
            IPV6_RTHDR IPV6_RECVDSTOPTS IPV6_DSTOPTS IPV6_RECVPATHMTU IPV6_PATHMTU IPV6_DONTFRAG
            IPV6_RECVTCLASS IPV6_TCLASS IPV6_AUTOFLOWLABEL IPV6_ADDR_PREFERENCES IPV6_MINHOPCOUNT
            IPV6_ORIGDSTADDR IPV6_RECVORIGDSTADDR IPV6_TRANSPARENT IPV6_UNICAST_IF IPV6_RECVFRAGSIZE
            IPV6_FREEBIND
        }
        sockopt_netlink {
            NETLINK_ADD_MEMBERSHIP NETLINK_DROP_MEMBERSHIP NETLINK_PKTINFO NETLINK_BROADCAST_ERROR
            NETLINK_NO_ENOBUFS NETLINK_RX_RING NETLINK_TX_RING NETLINK_LISTEN_ALL_NSID
            NETLINK_LIST_MEMBERSHIPS NETLINK_CAP_ACK NETLINK_EXT_ACK NETLINK_GET_STRICT_CHK
        }
        sockopt_packet {
            PACKET_ADD_MEMBERSHIP PACKET_DROP_MEMBERSHIP PACKET_RECV_OUTPUT PACKET_RX_RING PACKET_STATISTICS
            PACKET_COPY_THRESH PACKET_AUXDATA PACKET_ORIGDEV PACKET_VERSION PACKET_HDRLEN PACKET_RESERVE
            PACKET_TX_RING PACKET_LOSS PACKET_VNET_HDR PACKET_TX_TIMESTAMP PACKET_TIMESTAMP PACKET_FANOUT
            PACKET_TX_HAS_OFF PACKET_QDISC_BYPASS PACKET_ROLLOVER_STATS PACKET_FANOUT_DATA
            PACKET_IGNORE_OUTGOING PACKET_VNET_HDR_SZ
        }
        sockopt_socket {
            SO_DEBUG SO_REUSEADDR SO_TYPE SO_ERROR SO_DONTROUTE SO_BROADCAST SO_SNDBUF SO_RCVBUF
            SO_KEEPALIVE SO_OOBINLINE SO_NO_CHECK SO_PRIORITY SO_LINGER SO_BSDCOMPAT SO_REUSEPORT
            SO_PASSCRED SO_PEERCRED SO_RCVLOWAT SO_SNDLOWAT SO_RCVTIMEO SO_SNDTIMEO SO_BINDTODEVICE
            SO_ATTACH_FILTER SO_GET_FILTER SO_DETACH_FILTER SO_DETACH_BPF SO_PEERNAME SO_TIMESTAMP
            SO_ACCEPTCONN SO_PEERSEC SO_SNDBUFFORCE SO_RCVBUFFORCE SO_PASSSEC SO_TIMESTAMPNS SO_MARK
            SO_TIMESTAMPING SO_PROTOCOL SO_DOMAIN SO_RXQ_OVFL SO_WIFI_STATUS SO_PEEK_OFF SO_NOFCS
            SO_LOCK_FILTER SO_SELECT_ERR_QUEUE SO_BUSY_POLL SO_MAX_PACING_RATE SO_BPF_EXTENSIONS
            SO_INCOMING_CPU SO_ATTACH_BPF SO_ATTACH_REUSEPORT_CBPF SO_ATTACH_REUSEPORT_EBPF SO_CNX_ADVICE
            SO_MEMINFO SO_INCOMING_NAPI_ID SO_COOKIE SO_PEERGROUPS SO_ZEROCOPY SO_TXTIME SO_BINDTOIFINDEX
            SO_DETACH_REUSEPORT_BPF SO_PREFER_BUSY_POLL SO_BUSY_POLL_BUDGET SO_NETNS_COOKIE SO_BUF_LOCK
            SO_RESERVE_MEM SO_TXREHASH SO_RCVMARK SO_PASSPIDFD SO_PEERPIDFD SO_DEVMEM_LINEAR
            SO_DEVMEM_DMABUF SO_DEVMEM_DONTNEED
        }
        sockopt_tcp {
            TCP_NODELAY TCP_MAXSEG TCP_CORK TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_SYNCNT TCP_LINGER2
            TCP_DEFER_ACCEPT TCP_WINDOW_CLAMP TCP_INFO TCP_QUICKACK TCP_CONGESTION TCP_MD5SIG
            TCP_THIN_LINEAR_TIMEOUTS TCP_THIN_DUPACK TCP_USER_TIMEOUT TCP_REPAIR TCP_REPAIR_QUEUE
            TCP_QUEUE_SEQ TCP_REPAIR_OPTIONS TCP_FASTOPEN TCP_TIMESTAMP TCP_NOTSENT_LOWAT TCP_CC_INFO
            TCP_SAVE_SYN TCP_SAVED_SYN TCP_REPAIR_WINDOW TCP_FASTOPEN_CONNECT TCP_ULP TCP_FASTOPEN_KEY
            TCP_FASTOPEN_NO_COOKIE TCP_ZEROCOPY_RECEIVE TCP_INQ TCP_CM_INQ
        }
        sockopt_tls { TLS_TX TLS_RX TLS_TX_ZEROCOPY_RO TLS_RX_EXPECT_NO_PAD }
        sockopt_udp { UDP_CORK UDP_ENCAP UDP_NO_CHECK6_TX UDP_NO_CHECK6_RX UDP_SEGMENT UDP_GRO }
        socktype {
            SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET SOCK_DCCP SOCK_NONBLOCK SOCK_CLOEXEC
        }
        sol {
            SOL_IP SOL_SOCKET SOL_TCP SOL_UDP SOL_IPV6 SOL_ICMPV6 SOL_RAW SOL_DECNET SOL_X25 SOL_PACKET
            SOL_ATM SOL_AAL SOL_IRDA SOL_NETBEUI SOL_LLC SOL_DCCP SOL_NETLINK SOL_TIPC SOL_RXRPC
            SOL_PPPOL2TP SOL_BLUETOOTH SOL_PNPIPE SOL_RDS SOL_IUCV SOL_CAIF SOL_ALG SOL_NFC SOL_TLS SOL_XDP
        }
        splice { SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_GIFT }
        statx_mask {
            STATX_BASIC_STATS STATX_TYPE STATX_MODE STATX_NLINK STATX_UID STATX_GID STATX_ATIME STATX_MTIME
            STATX_CTIME STATX_INO STATX_SIZE STATX_BLOCKS STATX_BTIME STATX_MNT_ID STATX_DIOALIGN
            STATX_MNT_ID_UNIQUE STATX_SUBVOL STATX_WRITE_ATOMIC STATX_DIO_READ_ALIGN
        }
        sync_file_range { SYNC_FILE_RANGE_WAIT_BEFORE SYNC_FILE_RANGE_WRITE SYNC_FILE_RANGE_WAIT_AFTER }
        rtf { RTF_UP RTF_GATEWAY RTF_HOST RTF_REINSTATE RTF_DYNAMIC RTF_MODIFIED RTF_REJECT }
        tcflsh { TCIFLUSH TCOFLUSH TCIOFLUSH }
        tcxonc { TCOOFF TCOON TCIOFF TCION }
        timer { TIMER_ABSTIME }
        timerfd { TFD_NONBLOCK TFD_CLOEXEC }
        timerfd_settime { TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET }
        umount { MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW }
        unshare {
            CLONE_NEWTIME CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM
            CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET
        }
        userfaultfd { O_NONBLOCK O_CLOEXEC }
        wait { WNOHANG WUNTRACED WSTOPPED WEXITED WCONTINUED WNOWAIT __WNOTHREAD __WALL __WCLONE }
        whence { SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE }
        xattr { XATTR_CREATE XATTR_REPLACE }
    };
    let mut wrong = Vec::new();
    for (set_name, constants) in sets {
        let known = set(set_name).expect(set_name);
        for (name, value) in constants {
            let ours = known.value(name);
            // Constants of 32 bits may be negative there; arguments are compared as 32 bits.
            if ours.map(|ours| ours as u32) != Some(*value as u32) {
                wrong.push(format!("{name} of {set_name}: {ours:x?} here, {value:#x} in libc"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layouts_agree() {
    macro_rules! layouts {
        ($($name:ident = $theirs:ident { $($field:ident = $their_field:ident)* })*) => { [$((
            stringify!($name),
            size_of::<libc::$theirs>(),
            &[$((stringify!($field), std::mem::offset_of!(libc::$theirs, $their_field))),*] as &[(&str, usize)],
        )),*] };
    }
    for (name, bytes, fields) in layouts! {
        timespec = timespec { tv_sec = tv_sec tv_nsec = tv_nsec }
        timeval = timeval { tv_sec = tv_sec tv_usec = tv_usec }
        itimerval = itimerval { it_interval = it_interval it_value = it_value }
        itimerspec = itimerspec { it_interval = it_interval it_value = it_value }
        utimbuf = utimbuf { actime = actime modtime = modtime }
        rlimit = rlimit { rlim_cur = rlim_cur rlim_max = rlim_max }
        pollfd = pollfd { fd = fd events = events revents = revents }
        epoll_event = epoll_event { events = events data = u64 }
        sembuf = sembuf { sem_num = sem_num sem_op = sem_op sem_flg = sem_flg }
        stack = stack_t { ss_sp = ss_sp ss_flags = ss_flags ss_size = ss_size }
        mq_attr = mq_attr {
            mq_flags = mq_flags mq_maxmsg = mq_maxmsg mq_msgsize = mq_msgsize mq_curmsgs = mq_curmsgs
        }
        stat = stat {
            st_dev = st_dev st_ino = st_ino st_nlink = st_nlink st_mode = st_mode st_uid = st_uid st_gid = st_gid
            st_rdev = st_rdev st_size = st_size st_blksize = st_blksize st_blocks = st_blocks
            st_atime = st_atime st_atime_nsec = st_atime_nsec st_mtime = st_mtime
            st_mtime_nsec = st_mtime_nsec st_ctime = st_ctime st_ctime_nsec = st_ctime_nsec
        }
        statfs = statfs {
            f_type = f_type f_bsize = f_bsize f_blocks = f_blocks f_bfree = f_bfree f_bavail = f_bavail
            f_files = f_files f_ffree = f_ffree f_fsid = f_fsid f_namelen = f_namelen f_frsize = f_frsize
        }
        rusage = rusage {
            ru_utime = ru_utime ru_stime = ru_stime ru_maxrss = ru_maxrss ru_minflt = ru_minflt
            ru_majflt = ru_majflt ru_inblock = ru_inblock ru_oublock = ru_oublock ru_nvcsw = ru_nvcsw
            ru_nivcsw = ru_nivcsw
        }
        timex = timex {
            modes = modes offset = offset freq = freq maxerror = maxerror esterror = esterror status = status
            constant = constant precision = precision tolerance = tolerance time = time tick = tick
            ppsfreq = ppsfreq jitter = jitter shift = shift stabil = stabil jitcnt = jitcnt calcnt = calcnt
            errcnt = errcnt stbcnt = stbcnt tai = tai
        }
        sysinfo = sysinfo {
            uptime = uptime loads = loads totalram = totalram freeram = freeram sharedram = sharedram
            bufferram = bufferram totalswap = totalswap freeswap = freeswap procs = procs
            totalhigh = totalhigh freehigh = freehigh mem_unit = mem_unit
        }
        tms = tms {
            tms_utime = tms_utime tms_stime = tms_stime tms_cutime = tms_cutime tms_cstime = tms_cstime
        }
        utsname = utsname {
            sysname = sysname nodename = nodename release = release version = version machine = machine
            domainname = domainname
        }
        flock = flock {
            l_type = l_type l_whence = l_whence l_start = l_start l_len = l_len l_pid = l_pid
        }
        winsize = winsize { ws_row = ws_row ws_col = ws_col ws_xpixel = ws_xpixel ws_ypixel = ws_ypixel }
        linger = linger { l_onoff = l_onoff l_linger = l_linger }
        ucred = ucred { pid = pid uid = uid gid = gid }
        sock_fprog = sock_fprog { len = len filter = filter }
        sockaddr_ll = sockaddr_ll {
            sa_family = sll_family sll_protocol = sll_protocol sll_ifindex = sll_ifindex sll_hatype = sll_hatype
            sll_pkttype = sll_pkttype sll_halen = sll_halen sll_addr = sll_addr
        }
        sockaddr_vm = sockaddr_vm { sa_family = svm_family svm_port = svm_port svm_cid = svm_cid }
        sockaddr_alg = sockaddr_alg {
            sa_family = salg_family salg_type = salg_type salg_feat = salg_feat salg_mask = salg_mask
            salg_name = salg_name
        }
        in_pktinfo = in_pktinfo {
            ipi_ifindex = ipi_ifindex ipi_spec_dst = ipi_spec_dst ipi_addr = ipi_addr
        }
        in6_pktinfo = in6_pktinfo { ipi6_addr = ipi6_addr ipi6_ifindex = ipi6_ifindex }
        shmid_ds = shmid_ds {
            shm_perm = shm_perm shm_segsz = shm_segsz shm_atime = shm_atime shm_dtime = shm_dtime
            shm_ctime = shm_ctime shm_cpid = shm_cpid shm_lpid = shm_lpid shm_nattch = shm_nattch
        }
        semid_ds = semid_ds {
            sem_perm = sem_perm sem_otime = sem_otime sem_ctime = sem_ctime sem_nsems = sem_nsems
        }
        msqid_ds = msqid_ds {
            msg_perm = msg_perm msg_stime = msg_stime msg_rtime = msg_rtime msg_ctime = msg_ctime
            msg_qnum = msg_qnum msg_qbytes = msg_qbytes msg_lspid = msg_lspid msg_lrpid = msg_lrpid
        }
        iovec = iovec { iov_base = iov_base iov_len = iov_len }
        open_how = open_how { flags = flags mode = mode resolve = resolve }
        mount_attr = mount_attr {
            attr_set = attr_set attr_clr = attr_clr propagation = propagation userns_fd = userns_fd
        }
        clone_args = clone_args {
            flags = flags pidfd = pidfd child_tid = child_tid parent_tid = parent_tid exit_signal = exit_signal
            stack = stack stack_size = stack_size tls = tls set_tid = set_tid set_tid_size = set_tid_size
            cgroup = cgroup
        }
    } {
        let ours = structure(name).expect(name);
        assert_eq!(ours.bytes, bytes, "{name}");
        for (field, offset) in fields {
            let found = ours.fields.iter().find(|ours| ours.name == *field).expect(field);
            assert_eq!(found.offset, *offset, "{name}.{field}");
        }
    }
}
