// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/advice.h"

#include <fmt/format.h>

#include "common/message.h"
#include "common/shell_word.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// The library quotes the name that the increment records.
std::string quoted_part(const std::string& text) {
  const std::size_t begin = text.find('"') + 1;
  const std::size_t end = text.rfind('"');
  return begin == 0 || end < begin ? "FULL" : text.substr(begin, end - begin);
}

// The error is about an increment whose base is not there.
std::string ways_to_restore(const Error& error) {
  const bool is_file = error.name() != "standard input";
  return fmt::format("; restore that first and say --apply, or give both: -i {} -i {}",
                     shell_word(quoted_part(error.reason())),
                     is_file ? shell_word(error.name()) : "-");
}

}  // namespace

std::string advice_text(const Error& error) {
  switch (error.advice()) {
    case Advice::kApply:
      return ways_to_restore(error);
    case Advice::kIgnoreNames:
      return "; --ignore-names if that is the same image";
    case Advice::kForceShare:
      return "; -U if nobody writes to it";
    case Advice::kMoreSpool:
      return fmt::format("; say --spool-dir DIR, or --spool-memory {}", error.advice_number());
    case Advice::kOverwrite:
      return "; --overwrite replaces it";
    case Advice::kReadWithQemu:
      return "; qemu-img convert may read it";
    case Advice::kOtherSpool:
      return "; --spool-dir names another directory";
    case Advice::kIgnoreOwnRoot:
      return "; --ignore-root if you know that it was written to";
    case Advice::kTrustTarget:
      return "; if --apply broke off there: --trust-target, or --base-manifest and --manifest";
    case Advice::kNone:
    case Advice::kWithoutExtents:
    case Advice::kSmallerClusters:
    case Advice::kDirtyBitmap:
    case Advice::kAssumeUnchanged:
    case Advice::kMakePlan:
    case Advice::kNameFormat:
    case Advice::kNameImage:
      break;
  }
  return "";
}

}  // namespace qcow2stream::cli
