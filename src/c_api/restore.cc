// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/restore.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "c_api/disk.h"
#include "c_api/error.h"
#include "c_api/options.h"
#include "c_api/watch.h"
#include "qcow2stream/target.h"

// NOLINTNEXTLINE(readability-identifier-naming): c.h has its name
struct qcow2stream_target {
  std::unique_ptr<qcow2stream::Target> target;
};

// NOLINTNEXTLINE(readability-identifier-naming): c.h has its name
struct qcow2stream_restore {
  qcow2stream_restore(std::unique_ptr<qcow2stream::Target> to, qcow2stream::RestoreOptions options)
      : target(std::move(to)) {
    options.progress = &progress;
    restore.emplace(target, std::move(options));
  }

  qcow2stream::c_api::CancellableTarget target;
  qcow2stream::Progress progress;
  std::optional<qcow2stream::Restore> restore;  // nothing after an error, and when it is finished
  std::optional<qcow2stream::RestoreResult> result;
};

namespace qcow2stream::c_api {
namespace {

template <class Open>
qcow2stream_target* opened_target(qcow2stream_error** error, const Open& open) {
  return guarded<qcow2stream_target*>(error, nullptr,
                                      [&] { return new qcow2stream_target{open()}; });
}

// Does `work` with the restore, of which nothing can be had any more where that throws.
template <class Work>
void use(qcow2stream_restore& handle, const Work& work) {
  if (!handle.restore) refuse_use("restore", "it has ended");
  try {
    work(*handle.restore);
  } catch (...) {
    handle.restore.reset();
    throw;
  }
}

// While it is there, a target can be cancelled.
class Listening {
 public:
  Listening(CancellableTarget& target, const CancelFlag& cancelled) : target_(target) {
    target_.listen(&cancelled);
  }
  ~Listening() { target_.listen(nullptr); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  CancellableTarget& target_;
};

// The same while somebody watches.
template <class Work>
void use_watched(qcow2stream_restore& handle, const Watcher& watcher, const Numbers& numbers,
                 const Work& work) {
  use(handle, [&](Restore& restore) {
    watched(watcher, numbers, [&](const CancelFlag& cancelled) {
      const Listening listening(handle.target, cancelled);
      work(restore);
    });
  });
}

struct ResultNumber {
  const char* name;
  std::uint64_t RestoreResult::*number;
};

constexpr std::array kResultNumbers = {
    ResultNumber{"disk-size", &RestoreResult::disk_size},
    ResultNumber{"written", &RestoreResult::written},
    ResultNumber{"zeroed", &RestoreResult::zeroed},
    ResultNumber{"equal", &RestoreResult::equal},
    ResultNumber{"different", &RestoreResult::different},
};

std::uint64_t result_number(const qcow2stream_restore& restore, const std::string& name) {
  if (!restore.result) refuse_use("restore", "it is not finished");
  for (const ResultNumber& known : kResultNumbers) {
    if (name == known.name) return (*restore.result).*known.number;
  }
  refuse_use(name, "a restore has no number of that name");
}

}  // namespace
}  // namespace qcow2stream::c_api

using namespace qcow2stream::c_api;  // NOLINT(google-build-using-namespace)

qcow2stream_target* qcow2stream_target_open(const char* path, const qcow2stream_options* options,
                                            qcow2stream_error** error) {
  return opened_target(error, [&] {
    return qcow2stream::open_target(given_text(path, "path"), target_options(settings_of(options)));
  });
}

qcow2stream_target* qcow2stream_target_open_nbd(const char* uri, const qcow2stream_options* options,
                                                qcow2stream_error** error) {
  return opened_target(error, [&] {
    const Settings settings = settings_of(options);
    return qcow2stream::open_nbd_target(given_text(uri, "uri"), target_options(settings),
                                        settings.nbd);
  });
}

qcow2stream_target* qcow2stream_target_open_descriptor(int fd, const char* name,
                                                       const qcow2stream_options* options,
                                                       qcow2stream_error** error) {
  return opened_target(error, [&] {
    const Settings settings = settings_of(options);
    qcow2stream::PipeTargetOptions pipe;
    pipe.spool_memory = settings.spool_memory.value_or(pipe.spool_memory);
    pipe.spool_directory = settings.spool_directory;
    return qcow2stream::make_pipe_target(fd, given_text(name, "name"), pipe);
  });
}

void qcow2stream_target_free(qcow2stream_target* target) {
  delete target;
}

qcow2stream_restore* qcow2stream_restore_new(qcow2stream_target* target,
                                             const qcow2stream_options* options,
                                             qcow2stream_error** error) {
  const std::unique_ptr<qcow2stream_target> owned(target);
  return guarded<qcow2stream_restore*>(error, nullptr, [&] {
    given(target, "target");
    return new qcow2stream_restore(std::move(owned->target), restore_options(settings_of(options)));
  });
}

int qcow2stream_restore_add_stream(qcow2stream_restore* restore, int fd, const char* name,
                                   bool is_last, qcow2stream_progress progress, void* context,
                                   qcow2stream_error** error) {
  return guarded_call(error, [&] {
    qcow2stream_restore& handle = given(restore, "restore");
    const qcow2stream::StreamedImage image{.fd = fd,
                                           .read = {},
                                           .file = nullptr,
                                           .name = given_text(name, "name"),
                                           .size = {},
                                           .digests = {},
                                           .is_last = is_last};
    use_watched(handle, {progress, context},
                {handle.progress.spool_done, handle.progress.spool_total},
                [&](qcow2stream::Restore& work) { work.add(image); });
  });
}

int qcow2stream_restore_add_disk(qcow2stream_restore* restore, const qcow2stream_disk* disk,
                                 qcow2stream_progress progress, void* context,
                                 qcow2stream_error** error) {
  return guarded_call(error, [&] {
    qcow2stream_restore& handle = given(restore, "restore");
    const qcow2stream::Disk& from = *given(disk, "disk").disk;
    use_watched(handle, {progress, context},
                {handle.progress.emit_done, handle.progress.emit_total},
                [&](qcow2stream::Restore& work) {
                  work.add(from);
                  from.check_unchanged();
                });
  });
}

int qcow2stream_restore_finish(qcow2stream_restore* restore, qcow2stream_error** error) {
  return guarded_call(error, [&] {
    qcow2stream_restore& handle = given(restore, "restore");
    use(handle, [&](qcow2stream::Restore& work) { handle.result = work.finish(); });
    handle.restore.reset();
  });
}

int qcow2stream_restore_number(const qcow2stream_restore* restore, const char* name,
                               uint64_t* value, qcow2stream_error** error) {
  return guarded_call(error, [&] {
    given(value, "value") = result_number(given(restore, "restore"), given_text(name, "name"));
  });
}

void qcow2stream_restore_free(qcow2stream_restore* restore) {
  delete restore;
}
