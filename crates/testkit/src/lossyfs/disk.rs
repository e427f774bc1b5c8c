//! The disk of [`super::LossyFs`] without the kernel: directories, files, and the switch that cuts the power.

use super::content::Content;
use fuser::Errno;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The inode of the root directory, fixed by FUSE.
pub(super) const ROOT: u64 = 1;

/// What the disk has done since it was mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Successful fsync and fdatasync calls on files.
    pub fsyncs: u64,
    /// Write calls as the kernel handed them on.
    pub writes: u64,
}

/// A disk that several FUSE threads share.
#[derive(Debug)]
pub(super) struct Disk {
    state: Mutex<State>,
    fsync_micros: AtomicU64,
}

impl Disk {
    pub(super) fn new() -> Self {
        let root = Node::new(Kind::Dir(BTreeMap::new()), 0o777, 0, 0);
        Self {
            state: Mutex::new(State {
                nodes: HashMap::from([(ROOT, root)]),
                last: ROOT,
                counts: Counts::default(),
                off: false,
            }),
            fsync_micros: AtomicU64::new(0),
        }
    }

    /// Runs `work` on the state; after the power cut everything is an I/O error.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.off { Err(Errno::EIO) } else { work(&mut state) }
    }

    pub(super) fn counts(&self) -> Counts {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).counts
    }

    pub(super) fn set_fsync_time(&self, time: Duration) {
        self.fsync_micros.store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The wait is outside the lock: a slow disk still serves other calls.
    pub(super) fn fsync(&self, ino: u64) -> Result<(), Errno> {
        let micros = self.fsync_micros.load(Ordering::Relaxed);
        if micros > 0 {
            std::thread::sleep(Duration::from_micros(micros));
        }
        self.with(|state| state.fsync(ino))
    }

    /// Cuts the power: from here on every call fails, and what is on the platter is returned.
    pub(super) fn cut(&self) -> (Vec<Remains>, Counts) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.off = true;
        let mut remains = Vec::new();
        let mut open = vec![(ROOT, PathBuf::new())];
        while let Some((dir, path)) = open.pop() {
            let entries = match state.nodes.get(&dir) {
                Some(Node { kind: Kind::Dir(entries), .. }) => entries.clone(),
                _ => continue,
            };
            for (name, ino) in entries {
                let path = path.join(name);
                let Some(node) = state.nodes.get_mut(&ino) else { continue };
                let mode = node.mode;
                match &mut node.kind {
                    Kind::Dir(_) => {
                        remains.push(Remains { path: path.clone(), mode, content: None });
                        open.push((ino, path));
                    }
                    // A copy, not a move: the file may have a second name.
                    Kind::File(file) => {
                        remains.push(Remains { path, mode, content: Some(file.durable().to_vec()) })
                    }
                }
            }
        }
        (remains, state.counts)
    }
}

/// One file or directory that survived the power cut.
#[derive(Debug)]
pub(super) struct Remains {
    pub(super) path: PathBuf,
    pub(super) mode: u16,
    /// `None` for a directory.
    pub(super) content: Option<Vec<u8>>,
}

impl Remains {
    /// Writes this file or directory below `out`.
    pub(super) fn write(&self, out: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = out.join(&self.path);
        match &self.content {
            None => std::fs::create_dir_all(&path)?,
            Some(content) => std::fs::write(&path, content)?,
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(u32::from(self.mode)))
    }
}

/// A file or directory.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) modified: SystemTime,
    pub(super) links: u32,
    /// How often the kernel has been told this inode; it says when it forgets.
    looked_up: u64,
}

impl Node {
    fn new(kind: Kind, mode: u16, uid: u32, gid: u32) -> Self {
        Self { kind, mode, uid, gid, modified: SystemTime::now(), links: 1, looked_up: 0 }
    }
}

#[derive(Debug)]
pub(super) enum Kind {
    Dir(BTreeMap<OsString, u64>),
    File(Content),
}

/// Everything behind the lock.
#[derive(Debug)]
pub(super) struct State {
    nodes: HashMap<u64, Node>,
    last: u64,
    counts: Counts,
    off: bool,
}

impl State {
    pub(super) fn node(&mut self, ino: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&ino).ok_or(Errno::ENOENT)
    }

    pub(super) fn file(&mut self, ino: u64) -> Result<&mut Content, Errno> {
        match &mut self.node(ino)?.kind {
            Kind::File(file) => Ok(file),
            Kind::Dir(_) => Err(Errno::EISDIR),
        }
    }

    pub(super) fn dir(&mut self, ino: u64) -> Result<&mut BTreeMap<OsString, u64>, Errno> {
        match &mut self.node(ino)?.kind {
            Kind::Dir(entries) => Ok(entries),
            Kind::File(_) => Err(Errno::ENOTDIR),
        }
    }

    /// Finds `name` and counts that the kernel now knows its inode.
    pub(super) fn look_up(&mut self, parent: u64, name: &OsStr) -> Result<u64, Errno> {
        let ino = *self.dir(parent)?.get(name).ok_or(Errno::ENOENT)?;
        self.node(ino)?.looked_up += 1;
        Ok(ino)
    }

    pub(super) fn forget(&mut self, ino: u64, times: u64) {
        if let Ok(node) = self.node(ino) {
            node.looked_up = node.looked_up.saturating_sub(times);
        }
        self.reap(ino);
    }

    pub(super) fn make(
        &mut self,
        parent: u64,
        name: &OsStr,
        is_dir: bool,
        mode: u16,
        owner: (u32, u32),
    ) -> Result<u64, Errno> {
        if self.dir(parent)?.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let ino = self.last + 1;
        self.last = ino;
        self.dir(parent)?.insert(name.to_owned(), ino);
        let kind = if is_dir { Kind::Dir(BTreeMap::new()) } else { Kind::File(Content::default()) };
        self.nodes.insert(ino, Node { looked_up: 1, ..Node::new(kind, mode, owner.0, owner.1) });
        Ok(ino)
    }

    pub(super) fn link(&mut self, ino: u64, parent: u64, name: &OsStr) -> Result<(), Errno> {
        self.file(ino)?;
        if self.dir(parent)?.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        self.dir(parent)?.insert(name.to_owned(), ino);
        let node = self.node(ino)?;
        node.links += 1;
        node.looked_up += 1;
        Ok(())
    }

    pub(super) fn remove(&mut self, parent: u64, name: &OsStr, want_dir: bool) -> Result<(), Errno> {
        let ino = *self.dir(parent)?.get(name).ok_or(Errno::ENOENT)?;
        match (&self.node(ino)?.kind, want_dir) {
            (Kind::Dir(_), false) => return Err(Errno::EISDIR),
            (Kind::File(_), true) => return Err(Errno::ENOTDIR),
            (Kind::Dir(entries), true) if !entries.is_empty() => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.dir(parent)?.remove(name);
        self.unlinked(ino)
    }

    pub(super) fn rename(
        &mut self,
        from: (u64, &OsStr),
        to: (u64, &OsStr),
        replace: bool,
    ) -> Result<(), Errno> {
        let ino = *self.dir(from.0)?.get(from.1).ok_or(Errno::ENOENT)?;
        let there = self.dir(to.0)?.get(to.1).copied();
        if there == Some(ino) {
            return Ok(());
        }
        if there.is_some() {
            if !replace {
                return Err(Errno::EEXIST);
            }
            let is_dir = matches!(self.node(ino)?.kind, Kind::Dir(_));
            self.remove(to.0, to.1, is_dir)?;
        }
        self.dir(from.0)?.remove(from.1);
        self.dir(to.0)?.insert(to.1.to_owned(), ino);
        Ok(())
    }

    pub(super) fn wrote(&mut self, ino: u64) -> Result<(), Errno> {
        self.counts.writes += 1;
        self.node(ino)?.modified = SystemTime::now();
        Ok(())
    }

    fn fsync(&mut self, ino: u64) -> Result<(), Errno> {
        self.file(ino)?.fsync();
        self.counts.fsyncs += 1;
        Ok(())
    }

    fn unlinked(&mut self, ino: u64) -> Result<(), Errno> {
        let node = self.node(ino)?;
        node.links = node.links.saturating_sub(1);
        self.reap(ino);
        Ok(())
    }

    /// A file without a name lives as long as somebody may have it open.
    fn reap(&mut self, ino: u64) {
        if self.nodes.get(&ino).is_some_and(|node| node.links == 0 && node.looked_up == 0) {
            self.nodes.remove(&ino);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlinked_open_file_lives_until_it_is_forgotten() -> Result<(), Errno> {
        let disk = Disk::new();
        disk.with(|state| {
            let ino = state.make(ROOT, OsStr::new("a"), false, 0o600, (0, 0))?;
            state.file(ino)?.write(0, b"x")?;
            state.remove(ROOT, OsStr::new("a"), false)?;
            assert_eq!(state.file(ino)?.read(0, 9), b"x");
            state.forget(ino, 1);
            assert!(state.node(ino).is_err());
            Ok(())
        })
    }

    #[test]
    fn a_rename_is_durable_at_once_and_the_content_is_not() -> Result<(), Errno> {
        let disk = Disk::new();
        let (old, new) = (OsStr::new("new.tmp"), OsStr::new("new"));
        disk.with(|state| {
            let ino = state.make(ROOT, old, false, 0o600, (0, 0))?;
            state.file(ino)?.write(0, b"secret")?;
            state.rename((ROOT, old), (ROOT, new), true)
        })?;
        let (remains, _) = disk.cut();
        assert_eq!(remains.len(), 1);
        assert_eq!((remains[0].path.as_os_str(), remains[0].content.as_deref()), (new, Some(&b""[..])));
        assert!(disk.with(|_| Ok(())).is_err(), "after the cut nothing works");
        Ok(())
    }
}
