"""Addresses of this room's pages."""

from django.urls import path

from connection_setup.administrator import consent_views
from connection_setup.administrator import views as administrator_views
from connection_setup.business_units import views as business_unit_views
from connection_setup.certificate import views as certificate_views
from connection_setup.client_secret import views as client_secret_views
from connection_setup.companies import views as companies_views
from connection_setup.dynamics365 import views as dynamics_views
from connection_setup.enabling import views as enabling_views
from connection_setup.encryption import views as encryption_views
from connection_setup.environments import views as environment_views
from connection_setup.guide import views as guide_views
from connection_setup.provisioning import deployed_views
from connection_setup.registration import views as registration_views
from connection_setup.setup import action_views
from connection_setup.setup import views as setup_views

app_name = "connection_setup"

_PAGE = "c/<slug:company>/dataverse-connection-setup/"
_DYNAMICS = "c/<slug:company>/dynamics-365-connection-setup/"
_ASSISTED = "c/<slug:company>/assisted-setup/"
_ENCRYPTION = "c/<slug:company>/data-encryption-management/"

urlpatterns = [
    path(_PAGE, setup_views.setup, name="setup"),
    path(f"{_PAGE}save/", setup_views.save, name="save"),
    path(f"{_PAGE}choose/", setup_views.choose, name="choose"),
    path(f"{_PAGE}environment-url/", setup_views.environment_url, name="environment-url"),
    path(f"{_PAGE}environments/", environment_views.show, name="environments"),
    path(f"{_PAGE}environments/look-up/", environment_views.look_up, name="environments-look-up"),
    path(f"{_PAGE}environments/sign-in/", environment_views.sign_in, name="environments-sign-in"),
    path(f"{_PAGE}environments/again/", environment_views.again, name="environments-again"),
    path(f"{_PAGE}environments/forget/", environment_views.forget, name="environments-forget"),
    path(f"{_PAGE}environments/choose/", environment_views.choose, name="environments-choose"),
    path(f"{_PAGE}business-units/", business_unit_views.show, name="units"),
    path(f"{_PAGE}business-units/look-up/", business_unit_views.look_up, name="units-look-up"),
    path(f"{_PAGE}business-units/choose/", business_unit_views.choose, name="units-choose"),
    path(f"{_PAGE}test/", setup_views.test, name="test"),
    path(f"{_PAGE}assist/", action_views.assist, name="assist"),
    path(f"{_PAGE}default-setup/", action_views.default_setup, name="default-setup"),
    path(f"{_PAGE}synchronize-modified/", action_views.synchronize_modified, name="synchronize-modified"),
    path(f"{_PAGE}web-hook/remove/", action_views.remove_web_hook, name="web-hook-remove"),
    path(f"{_PAGE}integration-solutions/", deployed_views.solutions, name="solutions"),
    path(f"{_PAGE}integration-solutions/file/", deployed_views.solution_file, name="solution-file"),
    path(f"{_PAGE}integration-user-roles/", deployed_views.user_roles, name="user-roles"),
    path(f"{_PAGE}owning-team-roles/", deployed_views.team_roles, name="team-roles"),
    path(f"{_PAGE}create-currency/", action_views.create_currency, name="create-currency"),
    path(f"{_PAGE}toggle/", setup_views.toggle, name="toggle"),
    path(f"{_PAGE}enable/", setup_views.enable, name="enable"),
    path(f"{_PAGE}enabling/", enabling_views.enabling_page, name="enabling"),
    path(f"{_PAGE}change-log/", companies_views.change_log, name="change-log"),
    path(f"{_PAGE}questions/<slug:name>/", enabling_views.answer, name="answer"),
    path(f"{_PAGE}disable/", setup_views.disable, name="disable"),
    path(f"{_PAGE}administrator/", administrator_views.show, name="administrator"),
    path(f"{_PAGE}administrator/sign-in/", administrator_views.sign_in, name="administrator-sign-in"),
    path(f"{_PAGE}administrator/consent/", consent_views.grant, name="administrator-consent"),
    path(f"{_PAGE}administrator/window/", administrator_views.window, name="administrator-window"),
    path(f"{_PAGE}administrator/step/", administrator_views.step, name="administrator-step"),
    path(f"{_PAGE}administrator/forget/", administrator_views.forget, name="administrator-forget"),
    path(f"{_PAGE}secret/", client_secret_views.replace, name="secret"),
    path(f"{_PAGE}certificate/", certificate_views.show, name="certificate"),
    path(f"{_PAGE}certificate/offer/", certificate_views.offer, name="certificate-offer"),
    path(f"{_PAGE}certificate/file/", certificate_views.file, name="certificate-file"),
    path(f"{_PAGE}certificate/switch/", certificate_views.switch, name="certificate-switch"),
    path(f"{_PAGE}certificate/withdraw/", certificate_views.withdraw, name="certificate-withdraw"),
    path(f"{_PAGE}registration/", registration_views.show, name="registration"),
    path(f"{_PAGE}registration/check/", registration_views.check, name="registration-check"),
    path("c/<slug:company>/dataverse-connections/", companies_views.show, name="companies"),
    path(_DYNAMICS, dynamics_views.show, name="dynamics"),
    path(f"{_DYNAMICS}test/", dynamics_views.test, name="dynamics-test"),
    path(f"{_DYNAMICS}toggle/", dynamics_views.toggle, name="dynamics-toggle"),
    path(f"{_DYNAMICS}enable/", dynamics_views.enable, name="dynamics-enable"),
    path(f"{_DYNAMICS}disable/", dynamics_views.disable, name="dynamics-disable"),
    path(f"{_DYNAMICS}reset/", dynamics_views.reset, name="dynamics-reset"),
    path(f"{_DYNAMICS}units/", dynamics_views.units, name="dynamics-units"),
    path(f"{_DYNAMICS}prices/", dynamics_views.prices, name="dynamics-prices"),
    path(_ASSISTED, guide_views.assisted_setup, name="assisted-setup"),
    path(f"{_ASSISTED}dataverse/", guide_views.guide, name="guide"),
    path(f"{_ASSISTED}dataverse/<slug:step>/", guide_views.step, name="guide-step"),
    path(_ENCRYPTION, encryption_views.show, name="encryption"),
    path(f"{_ENCRYPTION}enable/", encryption_views.enable, name="encryption-enable"),
    path(f"{_ENCRYPTION}change/", encryption_views.change, name="encryption-change"),
    path(f"{_ENCRYPTION}rotate/", encryption_views.rotate, name="encryption-rotate"),
    path(f"{_ENCRYPTION}disable/", encryption_views.disable, name="encryption-disable"),
    path(f"{_ENCRYPTION}copy/", encryption_views.copy, name="encryption-copy"),
    path("connection/signed-in", administrator_views.signed_in, name="signed-in"),
]
