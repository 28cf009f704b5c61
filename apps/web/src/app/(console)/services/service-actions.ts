import type { Service, ServiceSpec } from '@quorate/shared/services';

export type ServiceStep = 'scale' | 'restart' | 'edit' | 'edit-text' | 'remove';

/** What an operator may do to a service; each opens what asks for the rest. */
export interface ServiceActions {
  open: (service: Service) => void;
  /** With a specification the edit begins with that one. */
  start: (step: ServiceStep, service: Service, spec?: ServiceSpec) => void;
}
