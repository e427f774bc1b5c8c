//! The file system that forgets: a power cut for tests (reliability.md, appendix A).
//!
//! Everything written is visible at once, but only what was fsynced survives [`LossyFs::cut`]: per file all or nothing since its
//! last fsync. Creating, renaming and removing names is durable at once. That is good for finding acknowledgements that came
//! before the fsync, not for finding file-system bugs.

#![expect(clippy::disallowed_methods, reason = "a file system stamps its files with the machine's time")]

mod content;
mod disk;
mod mounted;

pub use disk::Counts;

use disk::Disk;
use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use std::fmt;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Why the file system could not be mounted.
#[derive(Debug)]
pub enum MountError {
    /// This machine offers no FUSE to this user; the text says what is missing.
    FuseAbsent(String),
    /// FUSE is there and refused.
    Failed(Error),
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FuseAbsent(what) => write!(f, "FUSE is absent: {what}"),
            Self::Failed(error) => write!(f, "the file system that forgets could not be mounted: {error}"),
        }
    }
}

impl std::error::Error for MountError {}

/// A mounted disk that forgets what was not fsynced.
pub struct LossyFs {
    disk: Arc<Disk>,
    mountpoint: PathBuf,
    session: Option<BackgroundSession>,
}

impl LossyFs {
    /// Mounts an empty disk on the existing directory `mountpoint`.
    ///
    /// # Errors
    /// [`MountError::FuseAbsent`] where the machine has no FUSE for this user.
    pub fn mount(mountpoint: &Path) -> Result<Self, MountError> {
        fuse_present()?;
        let disk = Arc::new(Disk::new());
        let mount = |auto_unmount| {
            let mut config = Config::default();
            config.mount_options.push(MountOption::FSName("lossyfs".into()));
            // Enough that slow fsyncs of several files do not hold up the other calls.
            config.n_threads = Some(8);
            if auto_unmount {
                config.mount_options.push(MountOption::AutoUnmount);
                config.acl = SessionACL::RootAndOwner;
            }
            fuser::spawn_mount(mounted::Mounted(Arc::clone(&disk)), mountpoint, &config)
        };
        // With auto_unmount no dead mount stays behind when the test process is killed. It is refused to
        // users unless /etc/fuse.conf says user_allow_other.
        let session = mount(true).or_else(|_| mount(false)).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::Unsupported => {
                MountError::FuseAbsent(format!("mounting is not allowed here ({error})"))
            }
            _ => MountError::Failed(error),
        })?;
        Ok(Self { disk, mountpoint: mountpoint.to_owned(), session: Some(session) })
    }

    /// Where the disk is mounted.
    #[must_use]
    pub fn mountpoint(&self) -> &Path {
        &self.mountpoint
    }

    /// What the disk has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.disk.counts()
    }

    /// Lets every fsync take at least `time`. Memory answers in microseconds; a real disk takes long enough for an
    /// acknowledgement to overtake the fsync, which is the mistake this file system is there to find.
    pub fn set_fsync_time(&self, time: Duration) {
        self.disk.set_fsync_time(time);
    }

    /// Cuts the power and writes what was durable at that instant to the directory `out`. Every later call on the mount fails
    /// with EIO, also from programs that still have files open; end those yourself. The mount point is free again on return.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn cut(mut self, out: &Path) -> std::io::Result<Counts> {
        let (remains, counts) = self.disk.cut();
        self.unmount();
        std::fs::create_dir_all(out)?;
        for file in remains {
            file.write(out)?;
        }
        Ok(counts)
    }

    /// Lazily: a program that still has files open would make a plain unmount fail as busy.
    fn unmount(&mut self) {
        let Some(session) = self.session.take() else { return };
        let lazy = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command
                .args(args)
                .arg(&self.mountpoint)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let _ = lazy("fusermount3", &["-u", "-z", "-q", "--"]) || lazy("umount", &["-l"]);
        // Its threads end when the last open file of the mount is closed; waiting for that here could wait for ever.
        drop(session);
    }
}

impl Drop for LossyFs {
    fn drop(&mut self) {
        self.disk.cut();
        self.unmount();
    }
}

fn fuse_present() -> Result<(), MountError> {
    match std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(MountError::FuseAbsent(
            "there is no /dev/fuse (in a container: --device /dev/fuse --cap-add SYS_ADMIN)".into(),
        )),
        Err(error) => Err(MountError::FuseAbsent(format!("/dev/fuse cannot be opened ({error})"))),
    }
}

#[cfg(test)]
mod tests;
