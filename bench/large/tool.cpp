// Reads LLVM IR, optimises it at O2 and writes an x86-64 object:  tool INPUT OUTPUT
// What `opt -O2` and then `llc -relocation-model=pic -filetype=obj` do, in one program.
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IRReader/IRReader.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/FileSystem.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <memory>
#include <string>

using namespace llvm;

static std::unique_ptr<TargetMachine> machineFor(const std::string &triple) {
  std::string message;
  const Target *target = TargetRegistry::lookupTarget(triple, message);
  if (!target) {
    errs() << message << "\n";
    return nullptr;
  }
  TargetOptions options;
  options.UseInitArray = true; // as llc has it
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(
      triple, "x86-64", "", options, Reloc::PIC_, None, CodeGenOpt::Default));
}

static void optimise(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PipelineTuningOptions tuning;
  tuning.SLPVectorization = true; // as opt has it
  PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O2).run(module, modules);
}

static int emit(Module &module, TargetMachine &machine, const char *path) {
  std::error_code failure;
  raw_fd_ostream out(path, failure, sys::fs::OF_None);
  if (failure) {
    errs() << path << ": " << failure.message() << "\n";
    return 1;
  }
  legacy::PassManager passes;
  machine.addPassesToEmitFile(passes, out, nullptr, CGFT_ObjectFile);
  passes.run(module);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    errs() << "usage: tool INPUT OUTPUT\n";
    return 2;
  }
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  InitializeNativeTargetAsmParser();

  LLVMContext context;
  SMDiagnostic error;
  const std::unique_ptr<Module> module = parseIRFile(argv[1], error, context);
  if (!module) {
    error.print("tool", errs());
    return 1;
  }
  const std::unique_ptr<TargetMachine> machine = machineFor(module->getTargetTriple());
  if (!machine) return 1;
  module->setDataLayout(machine->createDataLayout());
  optimise(*module, *machine);
  return emit(*module, *machine, argv[2]);
}
