// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/remarks.h"

#include <fmt/format.h>

#include <vector>

#include "common/message.h"
#include "common/shell_word.h"

namespace qcow2stream::cli {
namespace {

void say_all(const std::string& name, const std::vector<std::string>& remarks) {
  for (const std::string& remark : remarks) message(fmt::format("{}: {}", name, remark));
}

// As the remarks about a stream say it.
void say_remainder(const Images& images) {
  const std::string& name = images.inputs.back().name;
  const Qcow2Remainder& remainder = images.remainder;
  if (remainder.snapshots != 0) {
    message(fmt::format("{}: is restored without its internal snapshots ({})", name,
                        remainder.snapshots));
  }
  if (!remainder.bitmaps.empty()) {
    message(fmt::format("{}: is restored without its dirty bitmaps ({})", name,
                        remainder.bitmaps.size()));
  }
}

// A disk that has another size than its target has its end elsewhere.
void say_what_lies_behind(const Job& job, const WatchedTarget& target,
                          const RestoreResult& result) {
  const TargetTraits traits = target.traits();
  if (!traits.size || *traits.size <= result.disk_size) return;
  if (job.compares()) {
    message(fmt::format("{}: has {} bytes, of which the first {} were compared", target.name(),
                        *traits.size, result.disk_size));
    return;
  }
  message(
      fmt::format("{}: has {} bytes, and the disk {}; what lies behind it is left alone, and a "
                  "backup GPT, where there is one, is not at the end: sgdisk -e {}",
                  target.name(), *traits.size, result.disk_size, shell_word(target.name())));
}

}  // namespace

void warn(const Job& job, const Images& images) {
  if (job.telling.quiet) return;
  say_remainder(images);
  if (job.input.lost != nullptr && images.disk != nullptr) {
    for (const Caveat& caveat : images.disk->caveats()) {
      message(fmt::format("{}: {}", images.inputs.back().name, caveat.text));
    }
  }
  if (images.order_is_unknown && !job.input.ignore_names) {
    message(
        fmt::format("{}: the order of the images is taken as it is given; nothing tells whether "
                    "it is right",
                    images.inputs.back().name));
  }
}

void say_remarks(const Job& job, const std::string& name, const RestoredImage& image) {
  if (!job.telling.quiet) say_all(name, image.remarks);
  if (!job.telling.verbose) return;
  message(fmt::format("{}: {} bytes came, of which {} were kept at once", name, image.stream_bytes,
                      image.spooled));
}

void say_remarks(const Job& job, const std::string& name, const CheckedImage& image) {
  if (!job.telling.quiet) {
    say_all(name, image.remarks);
    if (image.leaked_clusters != 0) {
      message(
          fmt::format("{}: {} clusters have counts that are higher than what refers to them, "
                      "which does no harm",
                      name, image.leaked_clusters));
    }
  }
  if (!job.telling.verbose) return;
  message(
      fmt::format("{}: is sound: {} bytes, a disk of {} bytes, {} clusters of data, {} of them "
                  "compressed",
                  name, image.stream_bytes, image.disk_size,
                  image.data_clusters + image.compressed_clusters, image.compressed_clusters));
}

void say_result(const Job& job, const WatchedTarget& target, const RestoreResult& result,
                double seconds) {
  if (!job.telling.quiet) say_what_lies_behind(job, target, result);
  if (!job.telling.verbose) return;
  message(
      fmt::format("{}: a disk of {} bytes: {} written, {} zeroed, {} equal, {} different, {:.3f} "
                  "s",
                  target.name(), result.disk_size, result.written, result.zeroed, result.equal,
                  result.different, seconds));
}

}  // namespace qcow2stream::cli
