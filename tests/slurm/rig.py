"""A Slurm of one node in a folder of its own: real daemons, own ports, own keys, fake GPUs.

The node claims more cores than the machine may have, and two GPUs that are device files without a
driver: enough for Slurm to count, allocate and refuse them. An accounting database can be added.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from dicface.base.files import hold_lock

#: The Slurm step that the Slurm plugin starts forgets SLURM_CONF and reads only this file.
SYSTEM_CONF = Path("/etc/slurm/slurm.conf")
PREFIX = "dicface-slurm-"
PARTITION = "small"
CPUS, MEMORY_MB, GPUS = 4, 8000, 2
DAEMONS = ("slurmctld", "slurmd", "munged", "munge", "sbatch", "srun")
ACCOUNTING_DAEMONS = ("slurmdbd", "mariadbd", "mariadb-install-db")

SLURM_CONF = """
ClusterName=dicface
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# No cgroups, no job containers: this must run inside a container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
# Seconds matter in a test: schedule at once, kill soon.
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=2
KillWait=3
MessageTimeout=10
SlurmctldTimeout=30
SlurmdTimeout=60
ReturnToService=2
MinJobAge=300
AccountingStorageType={accounting}
{accounting_options}
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/finished_jobs.txt
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName={partition} Nodes={host} Default=YES MaxTime=60 State=UP
"""

SLURMDBD_CONF = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdPort={accounting_port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=root
StorageLoc=slurm
"""


def why_not(*, accounting: bool = False) -> str:
    """Says why no Slurm can be started here; "" where one can."""
    if os.geteuid() != 0:
        return "starting Slurm's daemons needs root"
    needed = DAEMONS + (ACCOUNTING_DAEMONS if accounting else ())
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (see .ci/run for Debian's packages)"
    if SYSTEM_CONF.exists() and not _is_ours(SYSTEM_CONF):
        return f"{SYSTEM_CONF} is there: this machine belongs to a Slurm"
    return ""


def hold():
    """Takes the machine's one place for such a Slurm, and clears what a killed test left there.

    Raises:
        DicfaceError: Another process has it.
    """
    lock = hold_lock(Path(tempfile.gettempdir()) / f"{PREFIX}lock" / "lock")
    if _is_ours(SYSTEM_CONF):
        _stop(SYSTEM_CONF.readlink().parent)
    return lock


class Cluster:
    """Starts on entering a `with` block; everything that was started stops on leaving it.

    Attributes:
        folder: Configuration, logs and state; `finished_jobs.txt` has a line for every job.
    """

    def __init__(self, *, accounting: bool):
        self.accounting = accounting
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))

    def __enter__(self) -> "Cluster":
        try:
            self._start()
        except BaseException:
            _stop(self.folder)
            raise
        return self

    def __exit__(self, *_):
        _stop(self.folder)

    def start_controller(self):
        """Starts slurmctld, which finds its jobs again in its state folder."""
        _run("slurmctld", "-f", SYSTEM_CONF)
        _wait_for(lambda: _answers("sinfo"), "slurmctld does not answer")

    def stop_controller(self):
        """Stops slurmctld in an orderly manner; running jobs go on."""
        _stop_daemon(self.folder, "slurmctld")

    def jobs(self) -> list[str]:
        """Returns the ids of the jobs that wait or run."""
        return _output("squeue", "--noheader", "--format=%i").split()

    def clear(self):
        """Cancels all jobs and waits until they are gone."""
        _run("scancel", "--user=root")
        _wait_for(lambda: not self.jobs(), "jobs cannot be cancelled")

    def finished(self) -> list[dict[str, str]]:
        """Waits for all jobs and returns what Slurm recorded of them, in the order of their end.

        A job says itself that it succeeded, a moment before Slurm records it.
        """
        _wait_for(lambda: not self.jobs(), "jobs do not end")
        lines = (self.folder / "finished_jobs.txt").read_text().splitlines()
        return [
            dict(field.split("=", 1) for field in line.split() if "=" in field) for line in lines
        ]

    def _start(self):
        # Slurm's user commands must reach the socket and the logs.
        self.folder.chmod(0o755)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        names = ("controller_port", "node_port", "accounting_port", "database_port")
        facts = {
            **dict(zip(names, _free_ports(len(names)), strict=True)),
            "folder": self.folder,
            "host": socket.gethostname().split(".")[0],
            "partition": PARTITION,
            "cpus": CPUS,
            "memory": MEMORY_MB,
            "gpus": GPUS,
            "accounting": "accounting_storage/none",
            "accounting_options": "",
        }
        if self.accounting:
            facts["accounting"] = "accounting_storage/slurmdbd"
            facts["accounting_options"] = (
                "AccountingStorageHost=localhost\n"
                f"AccountingStoragePort={facts['accounting_port']}\n"
                f"AccountingStoragePass={self.folder}/munge.socket"
            )
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**facts))
        devices = "\n".join(f"Name=gpu File=/dev/{name}" for name in ("null", "zero")[:GPUS])
        (self.folder / "gres.conf").write_text(devices + "\n")
        SYSTEM_CONF.parent.mkdir(parents=True, exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            SYSTEM_CONF.with_name(name).symlink_to(self.folder / name)
        self._start_munge()
        if self.accounting:
            self._start_accounting(facts)
        _run("slurmctld", "-f", SYSTEM_CONF)
        _run("slurmd", "-f", SYSTEM_CONF)
        _wait_for(
            lambda: _output("sinfo", "--noheader", "--format=%T").strip() == "idle",
            f"the node does not become idle; see {self.folder}/*.log",
        )

    def _start_munge(self):
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        files = {"socket": "munge.socket", "pid-file": "munged.pid", "log-file": "munged.log"}
        files |= {"seed-file": "munged.seed", "key-file": "munge.key"}
        # --force: this folder is not where munged wants it, and root is not its own user.
        _run("munged", "--force", *(f"--{k}={self.folder / v}" for k, v in files.items()))

    def _start_accounting(self, facts):
        data = self.folder / "database"
        _run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            "--user=root",
            "--skip-test-db",
        )
        subprocess.Popen(
            [
                "mariadbd",
                "--no-defaults",
                f"--datadir={data}",
                "--user=root",
                "--skip-grant-tables",
                "--bind-address=127.0.0.1",
                f"--port={facts['database_port']}",
                f"--socket={self.folder}/database.socket",
                f"--pid-file={self.folder}/mariadbd.pid",
            ],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "database.log").open("w"),
        )
        _wait_for(lambda: _listens(facts["database_port"]), "the database does not start")
        conf = SYSTEM_CONF.with_name("slurmdbd.conf")
        (self.folder / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(**facts))
        (self.folder / "slurmdbd.conf").chmod(0o600)
        conf.symlink_to(self.folder / "slurmdbd.conf")
        _run("slurmdbd")
        _wait_for(lambda: _listens(facts["accounting_port"]), "slurmdbd does not start")
        _run("sacctmgr", "--immediate", "add", "cluster", "dicface")
        _run("sacctmgr", "--immediate", "add", "account", "faces")
        _run("sacctmgr", "--immediate", "add", "user", "root", "account=faces")


def _stop(folder: Path):
    """Stops what a Slurm's folder names, and removes the folder and the links to it."""
    with contextlib.suppress(subprocess.SubprocessError):
        subprocess.run(["scancel", "--user=root"], timeout=20, capture_output=True)
    for name in ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged"):
        _stop_daemon(folder, name)
    for name in ("slurm.conf", "gres.conf", "slurmdbd.conf"):
        link = SYSTEM_CONF.with_name(name)
        if _is_ours(link):
            link.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _stop_daemon(folder: Path, name: str):
    pid_file = folder / f"{name}.pid"
    if not pid_file.is_file():
        return
    pid = int(pid_file.read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    _wait_for(lambda: _ended(pid), f"{name} does not stop")
    pid_file.unlink(missing_ok=True)


def _ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie whose parent has not asked for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _is_ours(link: Path) -> bool:
    return link.is_symlink() and link.readlink().parent.name.startswith(PREFIX)


def _run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")


def _output(*command) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout


def _answers(*command) -> bool:
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def _listens(port) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(count) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _wait_for(happens, otherwise, *, seconds=90):
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            raise TimeoutError(otherwise)
        time.sleep(0.1)
