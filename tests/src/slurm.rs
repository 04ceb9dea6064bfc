//! A Slurm cluster of two nodes on this machine, for tests.
//!
//! Debian's build lets several `slurmd` run on one host, so that two nodes are emulated, each with two
//! processors. Everything listens on the loopback alone and lies in a temporary folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The programs that are needed.
const PROGRAMS: [&str; 8] =
    ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "setpriv"];

/// The nodes.
pub const NODES: [&str; 2] = ["n1", "n2"];

/// There is one cluster at a time in a process: each has the ports of the process.
static ONE: Mutex<()> = Mutex::new(());

/// A cluster, for as long as this lives.
#[derive(Debug)]
pub struct SlurmCluster {
    folder: TempDir,
    daemons: Vec<Child>,
    _one: MutexGuard<'static, ()>,
}

impl SlurmCluster {
    /// Starts one.
    ///
    /// # Errors
    /// Why that is not possible here: Slurm is not installed, or this is not root.
    ///
    /// # Panics
    /// If it is installed and does not work.
    pub fn start() -> Result<Self, String> {
        // SAFETY: the call reads a number of this process.
        if unsafe { libc::geteuid() } != 0 {
            return Err("only root can start a cluster".to_owned());
        }
        for program in PROGRAMS {
            if find(program).is_none() {
                return Err(format!("{program} is not installed"));
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        // The daemon of MUNGE is not root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("open folder");
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cluster = Self { folder, daemons: Vec::new(), _one };
        cluster.configure();
        cluster.start_munge();
        cluster.daemon("slurmctld", &["-D", "-c"]);
        for node in NODES {
            cluster.daemon("slurmd", &["-D", "-c", "-N", node]);
        }
        cluster.wait_for("two idle nodes", |cluster| {
            cluster.ask("sinfo", &["--noheader", "--Node", "--format=%t"]) == "idle\nidle\n"
        });
        Ok(cluster)
    }

    /// The variable that the programs of Slurm find it by.
    #[must_use]
    pub fn conf(&self) -> PathBuf {
        self.path("slurm.conf")
    }

    /// What a program of Slurm prints.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        let output = command.args(arguments).env("SLURM_CONF", self.conf()).output();
        String::from_utf8_lossy(&output.expect("it starts").stdout).into_owned()
    }

    /// Processes of jobs that run on a node.
    #[must_use]
    pub fn processes_on(&self, node: &str) -> Vec<i32> {
        let marks =
            [format!("SLURMD_NODENAME={node}"), format!("SLURM_CONF={}", self.conf().display())];
        let is_there = |process: &i32| {
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            let words: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
            marks.iter().all(|mark| words.contains(&mark.as_bytes()))
        };
        processes().into_iter().filter(is_there).collect()
    }

    /// Trainings that run on a node.
    #[must_use]
    pub fn trainings_on(&self, node: &str) -> Vec<i32> {
        let trains = |process: &i32| {
            let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).any(|word| word == b"--worker")
        };
        self.processes_on(node).into_iter().filter(trains).collect()
    }

    /// Loses a node: its daemon, what watches over its jobs, and the jobs, at once.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn lose(&mut self, node: &str) {
        let index = NODES.iter().position(|name| *name == node).expect("a node");
        // The controller is the first daemon.
        let daemon = &mut self.daemons[1 + index];
        let _ = daemon.kill();
        let _ = daemon.wait();
        let jobs = self.processes_on(node);
        let keepers = jobs.iter().filter_map(|job| parent(*job)).filter(|parent| {
            fs::read_to_string(format!("/proc/{parent}/comm"))
                .is_ok_and(|name| name.starts_with("slurmstepd"))
        });
        // Who watches over a job would tell the controller that it was killed.
        for process in keepers.chain(jobs.iter().copied()) {
            // SAFETY: no memory is involved.
            unsafe {
                libc::kill(process, libc::SIGKILL);
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self) {
        for name in ["munge", "state", "spool/n1", "spool/n2", "log"] {
            fs::create_dir_all(self.path(name)).expect("a folder");
        }
        let root = self.folder.path().display();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
        let host = host.trim().split('.').next().unwrap_or_default();
        // Ports of their own, so that tests of two clones do not meet.
        let port = 20_000 + std::process::id() % 4_000 * 3;
        let text = format!(
            "ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
MaxArraySize=17
SlurmdTimeout=10
KillWait=5
MailProg=/bin/true
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={} CPUs=2 RealMemory=1000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={} CPUs=2 RealMemory=1000
PartitionName=ci Nodes=n1,n2 Default=YES MaxTime=30 State=UP
",
            port + 1,
            port + 2,
        );
        fs::write(self.conf(), text).expect("a configuration");
    }

    fn start_munge(&mut self) {
        let key = self.path("munge/munge.key");
        let bytes: Vec<u8> =
            (0..1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(&key, bytes).expect("a key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("a private key");
        let folder = self.path("munge");
        let mut own = Command::new("chown");
        assert!(own.args(["-R", "munge:munge"]).arg(&folder).status().expect("chown").success());
        let file = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=munge", "--regid=munge", "--clear-groups", "munged", "--force"])
            .args([file("key-file", "munge.key"), file("socket", "munge.socket")])
            .args([file("pid-file", "munged.pid"), file("log-file", "munged.log")])
            .arg(file("seed-file", "munged.seed"));
        assert!(command.status().expect("munged").success(), "munged does not start");
    }

    fn daemon(&mut self, program: &str, arguments: &[&str]) {
        let child = Command::new(program)
            .args(arguments)
            .env("SLURM_CONF", self.conf())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.daemons.push(child.expect("it starts"));
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what} did not come: {}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What the controller wrote last.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.path("log/slurmctld.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for SlurmCluster {
    fn drop(&mut self) {
        let _ = self.ask("scancel", &["--user=root"]);
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let jobs = NODES.iter().flat_map(|node| self.processes_on(node));
        let munge = fs::read_to_string(self.path("munge/munged.pid")).unwrap_or_default();
        for process in jobs.chain(munge.trim().parse()) {
            // SAFETY: no memory is involved.
            unsafe {
                libc::kill(process, libc::SIGKILL);
            }
        }
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("processes");
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent(process: i32) -> Option<i32> {
    let status =
        fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
