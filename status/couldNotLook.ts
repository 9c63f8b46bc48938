/** Thrown where no report about a stack is possible: it does not exist, its state cannot be read, and so on. */
export class CouldNotLook extends Error {}
