import "@pulumi/command";
import "@pulumi/pulumi";

/** Loads what the stack's program loads and registers nothing: what is left is the engine's own time. */
