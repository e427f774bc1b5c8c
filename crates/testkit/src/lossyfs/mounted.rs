//! The face the kernel sees: each FUSE call translated to the disk.

use super::disk::{Disk, Kind, Node, ROOT, State};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Only this mount changes the files, so the kernel may trust its caches for as long as it likes.
const TTL: Duration = Duration::from_secs(3600);
/// The page cache stays on (no direct I/O): SQLite maps its `-shm` file shared, which needs it.
const OPEN: FopenFlags = FopenFlags::FOPEN_KEEP_CACHE;
const GENERATION: Generation = Generation(0);

/// A [`Disk`] as a FUSE file system.
pub(super) struct Mounted(pub(super) Arc<Disk>);

fn attributes(ino: u64, node: &Node) -> FileAttr {
    let (kind, size) = match &node.kind {
        Kind::Dir(_) => (FileType::Directory, 0),
        Kind::File(file) => (FileType::RegularFile, file.len() as u64),
    };
    FileAttr {
        ino: INodeNo(ino),
        size,
        blocks: size.div_ceil(512),
        atime: node.modified,
        mtime: node.modified,
        ctime: node.modified,
        crtime: node.modified,
        kind,
        perm: node.mode,
        nlink: node.links,
        uid: node.uid,
        gid: node.gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn permissions(mode: u32, umask: u32) -> u16 {
    u16::try_from(mode & !umask & 0o7777).unwrap_or(0o600)
}

fn empty(reply: ReplyEmpty, result: Result<(), Errno>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(reply: ReplyEntry, result: Result<FileAttr, Errno>) {
    match result {
        Ok(attr) => reply.entry(&TTL, &attr, GENERATION),
        Err(error) => reply.error(error),
    }
}

fn seen(state: &mut State, ino: u64) -> Result<FileAttr, Errno> {
    Ok(attributes(ino, state.node(ino)?))
}

impl Filesystem for Mounted {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(reply, self.0.with(|state| state.look_up(parent.0, name).and_then(|ino| seen(state, ino))));
    }

    fn forget(&self, _req: &Request, ino: INodeNo, nlookup: u64) {
        // After the cut there is nothing left to tidy.
        let _ = self.0.with(|state| {
            state.forget(ino.0, nlookup);
            Ok(())
        });
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        match self.0.with(|state| seen(state, ino.0)) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let result = self.0.with(|state| {
            if let Some(size) = size {
                state.file(ino.0)?.resize(usize::try_from(size).map_err(|_| Errno::EFBIG)?);
                state.wrote(ino.0)?;
            }
            let node = state.node(ino.0)?;
            node.mode = mode.map_or(node.mode, |mode| permissions(mode, 0));
            node.uid = uid.unwrap_or(node.uid);
            node.gid = gid.unwrap_or(node.gid);
            match mtime {
                Some(TimeOrNow::SpecificTime(time)) => node.modified = time,
                Some(TimeOrNow::Now) => node.modified = SystemTime::now(),
                None => {}
            }
            seen(state, ino.0)
        });
        match result {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, req: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let owner = (req.uid(), req.gid());
        let mode = permissions(mode, umask);
        entry(
            reply,
            self.0
                .with(|state| state.make(parent.0, name, true, mode, owner).and_then(|ino| seen(state, ino))),
        );
    }

    fn mknod(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        let owner = (req.uid(), req.gid());
        let mode = permissions(mode, umask);
        entry(
            reply,
            self.0.with(|state| {
                state.make(parent.0, name, false, mode, owner).and_then(|ino| seen(state, ino))
            }),
        );
    }

    fn create(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let owner = (req.uid(), req.gid());
        let mode = permissions(mode, umask);
        match self
            .0
            .with(|state| state.make(parent.0, name, false, mode, owner).and_then(|ino| seen(state, ino)))
        {
            Ok(attr) => reply.created(&TTL, &attr, GENERATION, FileHandle(0), OPEN),
            Err(error) => reply.error(error),
        }
    }

    fn link(&self, _req: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        entry(
            reply,
            self.0.with(|state| state.link(ino.0, newparent.0, newname).and_then(|()| seen(state, ino.0))),
        );
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.0.with(|state| state.remove(parent.0, name, false)));
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.0.with(|state| state.remove(parent.0, name, true)));
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.intersects(RenameFlags::RENAME_EXCHANGE | RenameFlags::RENAME_WHITEOUT) {
            return reply.error(Errno::EINVAL);
        }
        let replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
        empty(reply, self.0.with(|state| state.rename((parent.0, name), (newparent.0, newname), replace)));
    }

    fn open(&self, _req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.0.with(|state| state.file(ino.0).map(|_| ())) {
            Ok(()) => reply.opened(FileHandle(0), OPEN),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.0.with(|state| Ok(state.file(ino.0)?.read(offset, size as usize).to_vec())) {
            Ok(data) => reply.data(&data),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let result = self.0.with(|state| {
            state.file(ino.0)?.write(offset, data)?;
            state.wrote(ino.0)
        });
        match result {
            // The kernel never hands on more than 16 MiB at once.
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(error),
        }
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // close() is not fsync(): it makes nothing durable.
        reply.ok();
    }

    fn fsync(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        empty(reply, self.0.fsync(ino.0));
    }

    fn fsyncdir(&self, _req: &Request, _ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        // Names are durable at once in this model.
        empty(reply, self.0.with(|_| Ok(())));
    }

    fn readdir(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listing = self.0.with(|state| {
            let names: Vec<_> = state.dir(ino.0)?.iter().map(|(name, ino)| (name.clone(), *ino)).collect();
            let mut listing =
                vec![(".".into(), ino.0, FileType::Directory), ("..".into(), ROOT, FileType::Directory)];
            for (name, ino) in names {
                let kind = attributes(ino, state.node(ino)?).kind;
                listing.push((name, ino, kind));
            }
            Ok(listing)
        });
        match listing {
            Ok(listing) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                for (at, (name, ino, kind)) in listing.into_iter().enumerate().skip(from) {
                    if reply.add(INodeNo(ino), at as u64 + 1, kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096);
    }

    fn fallocate(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _offset: u64,
        _length: u64,
        _mode: i32,
        reply: ReplyEmpty,
    ) {
        // The C library falls back to writing zeros.
        reply.error(Errno::EOPNOTSUPP);
    }
}
