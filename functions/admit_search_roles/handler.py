"""Map the roles of the functions to rights in the search domain; CloudFormation calls it before traffic moves."""

from functions.hooks import resource
from shared.usecases.admit_search_roles import AdmitSearchRoles, admit_search_roles

handler = resource(AdmitSearchRoles, admit_search_roles)
