// SPDX-License-Identifier: GPL-2.0-or-later

#include "mount/one_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

namespace qcow2stream::cli {
namespace {

constexpr fuse_ino_t kFileNode = FUSE_ROOT_ID + 1;
constexpr const char* kIdAttribute = "user.image-id";

// Nothing of the file system changes while it is mounted, so the kernel need not ask again.
constexpr double kForEver = 1e9;  // seconds

// What stat() and statfs() show as the unit of reads and of space.
constexpr unsigned kBlock = 4096;
constexpr unsigned kSector = 512;

OneFile& self_of(fuse_req_t request) {
  return *static_cast<OneFile*>(fuse_req_userdata(request));
}

// An attribute's value, or the list of names, as getxattr(2) has it: with a size of 0 the length is
// asked for.
void reply_attribute(fuse_req_t request, std::string_view value, std::size_t size) {
  if (size == 0) {
    fuse_reply_xattr(request, value.size());
  } else if (size < value.size()) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, value.data(), value.size());
  }
}

}  // namespace

const fuse_lowlevel_ops& OneFile::operations() {
  static const fuse_lowlevel_ops table = {.init = init,
                                          .lookup = lookup,
                                          .getattr = getattr,
                                          .open = open,
                                          .read = read,
                                          .readdir = readdir,
                                          .statfs = statfs,
                                          .getxattr = getxattr,
                                          .listxattr = listxattr};
  return table;
}

// Names and attributes stay, so directories and links need no second look. Reads ahead go on while
// earlier ones are answered.
void OneFile::init(void* /*self*/, fuse_conn_info* connection) {
  connection->want |= connection->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO);
}

struct stat OneFile::status_of(fuse_ino_t node) const {
  struct stat status {};
  status.st_uid = ::getuid();
  status.st_gid = ::getgid();
  status.st_blksize = kBlock;
  status.st_atim = status.st_mtim = status.st_ctim = file_.time;
  if (node == FUSE_ROOT_ID) {
    status.st_ino = FUSE_ROOT_ID;
    status.st_mode = S_IFDIR | S_IRUSR | S_IXUSR;
    status.st_nlink = 2;
    return status;
  }
  status.st_ino = file_.inode;
  status.st_mode = S_IFREG | S_IRUSR;
  status.st_nlink = 1;
  status.st_size = static_cast<off_t>(file_.content->size());
  status.st_blocks = static_cast<blkcnt_t>((file_.content->size() + kSector - 1) / kSector);
  return status;
}

void OneFile::lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const OneFile& self = self_of(request);
  fuse_entry_param entry{};
  entry.attr_timeout = kForEver;
  entry.entry_timeout = kForEver;
  // A node of 0 is a name that does not exist, and stays so.
  if (parent == FUSE_ROOT_ID && name == self.file_.name) {
    entry.ino = kFileNode;
    entry.attr = self.status_of(kFileNode);
  }
  fuse_reply_entry(request, &entry);
}

void OneFile::getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info* /*info*/) {
  const struct stat status = self_of(request).status_of(node);
  fuse_reply_attr(request, &status, kForEver);
}

void OneFile::open(fuse_req_t request, fuse_ino_t node, fuse_file_info* info) {
  if (node != kFileNode) {
    fuse_reply_err(request, EISDIR);
  } else if ((info->flags & O_ACCMODE) != O_RDONLY) {
    fuse_reply_err(request, EROFS);
  } else {
    OneFile& self = self_of(request);
    std::call_once(self.first_open_, self.on_first_open_);
    // The page cache holds what was right when it was read: that is the image, whatever becomes of
    // the disk.
    info->keep_cache = 1;
    fuse_reply_open(request, info);
  }
}

void OneFile::read(fuse_req_t request, fuse_ino_t /*node*/, std::size_t size, off_t offset,
                   fuse_file_info* /*info*/) {
  self_of(request).read_file(request, size, static_cast<std::uint64_t>(offset));
}

void OneFile::read_file(fuse_req_t request, std::size_t size, std::uint64_t offset) {
  // Each of libfuse's threads answers one request after the other.
  thread_local std::vector<std::byte> buffer;
  const std::uint64_t end = file_.content->size();
  const std::size_t length = std::min<std::uint64_t>(size, end - std::min(offset, end));
  if (has_changed_) {
    fuse_reply_err(request, EIO);
    return;
  }
  try {
    if (buffer.size() < length) buffer.resize(length);
    file_.content->read(offset, std::span(buffer).first(length));
  } catch (const Error& error) {
    note(error);
    fuse_reply_err(request, EIO);
    return;
  } catch (const std::bad_alloc&) {
    fuse_reply_err(request, ENOMEM);
    return;
  }
  fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), length);
  const auto next = readers_.after(offset, length);
  if (next.length != 0) file_.content->will_read(next.offset, next.length);
}

void OneFile::note(const Error& error) {
  const std::lock_guard lock(mutex_);
  const bool is_change = error.kind() == ErrorKind::kChanged;
  if (failure_ && (!is_change || failure_->kind() == ErrorKind::kChanged)) return;
  failure_ = error;
  if (is_change) has_changed_ = true;
  on_failure_(error);
}

std::optional<Error> OneFile::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void OneFile::readdir(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                      fuse_file_info* /*info*/) {
  if (node != FUSE_ROOT_ID) {
    fuse_reply_err(request, ENOTDIR);
    return;
  }
  const OneFile& self = self_of(request);
  struct Entry {
    const char* name;
    fuse_ino_t node;
  };
  const Entry entries[] = {
      {".", FUSE_ROOT_ID}, {"..", FUSE_ROOT_ID}, {self.file_.name.c_str(), kFileNode}};
  std::vector<char> list(size);
  std::size_t used = 0;
  for (auto i = static_cast<std::size_t>(offset); i < std::size(entries); ++i) {
    const struct stat status = self.status_of(entries[i].node);
    const std::size_t needed =
        fuse_add_direntry(request, list.data() + used, size - used, entries[i].name, &status,
                          static_cast<off_t>(i + 1));
    if (needed > size - used) break;
    used += needed;
  }
  fuse_reply_buf(request, list.data(), used);
}

void OneFile::getxattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
  const std::string& id = self_of(request).file_.image_id;
  if (node != kFileNode || id.empty() || std::string_view(name) != kIdAttribute) {
    fuse_reply_err(request, ENODATA);
    return;
  }
  reply_attribute(request, id, size);
}

void OneFile::listxattr(fuse_req_t request, fuse_ino_t node, std::size_t size) {
  const bool has_id = node == kFileNode && !self_of(request).file_.image_id.empty();
  // Each name ends with a zero byte.
  reply_attribute(
      request, has_id ? std::string_view(kIdAttribute, std::strlen(kIdAttribute) + 1) : "", size);
}

void OneFile::statfs(fuse_req_t request, fuse_ino_t /*node*/) {
  struct statvfs status {};
  status.f_bsize = status.f_frsize = kBlock;
  status.f_blocks = (self_of(request).file_.content->size() + kBlock - 1) / kBlock;
  status.f_files = 1;
  status.f_namemax = NAME_MAX;
  fuse_reply_statfs(request, &status);
}

}  // namespace qcow2stream::cli
