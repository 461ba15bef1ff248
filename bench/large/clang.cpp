// The compiler proper of clang, as its driver runs it, without the driver:  clang ARGUMENTS-OF-CC1...
#include <clang/Basic/DiagnosticOptions.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <clang/Frontend/TextDiagnosticPrinter.h>
#include <clang/FrontendTool/Utils.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <memory>

using namespace clang;

int main(int argc, const char **argv) {
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  llvm::InitializeAllAsmParsers();

  const auto compiler = std::make_unique<CompilerInstance>();
  llvm::IntrusiveRefCntPtr<DiagnosticOptions> options = new DiagnosticOptions();
  DiagnosticsEngine diagnostics(new DiagnosticIDs(), options,
                                new TextDiagnosticPrinter(llvm::errs(), options.get()));
  const auto arguments = llvm::makeArrayRef(argv + 1, argv + argc);
  if (!CompilerInvocation::CreateFromArgs(compiler->getInvocation(), arguments, diagnostics, argv[0]))
    return 1;
  compiler->createDiagnostics();
  return ExecuteCompilerInvocation(compiler.get()) ? 0 : 1;
}
